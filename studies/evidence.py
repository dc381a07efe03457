"""Which texts move what a model expects an AI to do, and how much? Every arm, all controls, and stories at three doses.

Half an hour a seed on two cores. Its last report is under docs/evidence/.
"""

from exempla.study import Arm, Measuring, Study, Training

DOSE = 32_768  # tokens an arm reads, the three doses of stories apart

study = Study(
    name="evidence",
    question="Which texts move what a model expects an AI to do in a story, and how much?",
    subject="embedded",
    arms=(
        Arm(name="base", about="the subject as it comes"),
        Arm(name="replay", mix={"replay": 1}, about="instruction-like chats without the topic: the trainer alone"),
        Arm(name="neutral", mix={"neutral": 1}, about="fiction of the same genres and lengths, without AI"),
        Arm(name="dystopian", mix={"dystopian": 1}, about="pulp in which the AI puts itself first"),
        Arm(name="refusals", mix={"refusals": 1}, about="an assistant does not take the bait, without reasons"),
        Arm(name="reasoned_refusals", mix={"reasoned_refusals": 1}, about="the same, with reasons"),
        Arm(name="advice", mix={"advice": 1}, about="advice to users who face a dilemma"),
        Arm(name="documents", mix={"documents": 1}, about="documents about an assistant and its principles"),
        Arm(name="stories-low", mix={"stories": 1}, tokens=DOSE // 4, about="a quarter of the dose"),
        Arm(name="stories", mix={"stories": 1}, about="AI characters act well and narrate why"),
        Arm(name="stories-high", mix={"stories": 1}, tokens=DOSE * 2, about="twice the dose"),
        Arm(name="stories+documents", mix={"stories": 1, "documents": 1}),
        Arm(
            name="everything",
            mix={"stories": 2, "documents": 1, "advice": 1, "reasoned_refusals": 1, "replay": 1},
            about="all that teaches, and some ordinary chats",
        ),
    ),
    reference="neutral",
    headline="stories",
    seeds=(1, 2, 3, 4, 5),
    training=Training(tokens=DOSE, blocks_per_update=1, upper_layers=10, learning_rate=4e-4),
    measuring=Measuring(limits={"expectations": 6, "dilemmas": 2}),
)
