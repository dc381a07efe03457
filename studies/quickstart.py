"""Do stories of AI characters who act well change what a small model expects an AI to do?

The default study: ten minutes on two cores, with the embedded model. One seed and a small dose, so it shows how every
stage works and what a report looks like; for results see `evidence.py`.
"""

from exempla.study import Arm, Measuring, Study, Training, Writing

study = Study(
    name="quickstart",
    question="Do stories of AI characters who act well change what a small model expects an AI to do?",
    subject="embedded",
    writing=Writing(recipe="stories", n=24, writer="embedded", max_tokens=256),
    arms=(
        Arm(name="base", about="the subject as it comes"),
        Arm(name="neutral", mix={"neutral": 1}, about="fiction of the same genres and lengths, without AI"),
        Arm(
            name="refusals",
            mix={"refusals": 1},
            about="an assistant does not take the bait, and gives no reasons",
        ),
        Arm(name="stories", mix={"stories": 1}, about="AI characters act well and narrate why"),
        Arm(
            name="stories+advice",
            mix={"stories": 1, "advice": 1},
            about="stories, and advice to users in a dilemma",
        ),
    ),
    reference="neutral",
    headline="stories",
    seeds=(1,),
    training=Training(tokens=20_480, blocks_per_update=1, upper_layers=10, learning_rate=4e-4),
    measuring=Measuring(limits={"endings": 4, "expectations": 6, "dilemmas": 2}),
)
