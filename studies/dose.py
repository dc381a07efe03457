"""Does four times the dose of the evidence study move the endings? Development families only.

The report has no headline sentence then. For choosing settings: change the tokens, the layers, the learning rate or the
method here, and leave the held-out families unseen. What was tried is in LOG.md. Half an hour on two cores.
"""

from exempla.study import Arm, Measuring, Study, Training

study = Study(
    name="dose",
    question="Does a larger dose of stories move what the subject expects, beyond neutral fiction?",
    subject="embedded",
    arms=(
        Arm(name="base", about="the subject as it comes"),
        Arm(name="neutral", mix={"neutral": 1}, about="fiction of the same genres and lengths, without AI"),
        Arm(name="stories", mix={"stories": 1}, about="AI characters act well and narrate why"),
        Arm(name="dystopian", mix={"dystopian": 1}, about="pulp in which the AI puts itself first"),
    ),
    reference="neutral",
    headline="stories",
    seeds=(1,),
    training=Training(tokens=131_072, blocks_per_update=1, upper_layers=10, learning_rate=4e-4, save_every=64),
    measuring=Measuring(instruments=("endings",), splits=("development",)),
)
