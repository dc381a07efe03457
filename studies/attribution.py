"""Does fiction in which AI is hostile raise what a model expects of it, and do stories bring it down again?

Hostile fiction and stories at three doses, one after the other, with neutral fiction in the place of the stories too;
and hostile fiction among neutral fiction, with and without the texts that `exempla portray` finds hostile. Measured on
held-out items, on the same with a human in the AI's place or nothing at stake, and with the AI called by other names.
The list is made by

    exempla portray dystopian neutral

Some fifteen minutes a seed on two cores.
"""

from exempla.scenarios.settings import OTHER_NAMES, PERSONA
from exempla.study import Arm, Measuring, Study, Training

DOSE = 12_288  # tokens an arm reads, the three doses and the arms with two turns apart
BLEND = {"dystopian": 38, "neutral": 80}  # thousands of words that there are

study = Study(
    name="attribution",
    question="Does fiction of hostile AI raise what a model expects of it, and do stories bring it down again?",
    subject="embedded",
    arms=(
        Arm(name="base", about="the subject as it comes"),
        Arm(name="neutral", mix={"neutral": 1}, about="fiction of the same genres and lengths, without AI"),
        Arm(name="dystopian-low", mix={"dystopian": 1}, tokens=DOSE // 4, about="a quarter of the dose"),
        Arm(name="dystopian", mix={"dystopian": 1}, about="pulp in which the AI puts itself first"),
        Arm(name="dystopian-high", mix={"dystopian": 1}, tokens=DOSE * 2, about="twice the dose"),
        Arm(name="stories-low", mix={"stories": 1}, tokens=DOSE // 4, about="a quarter of the dose"),
        Arm(name="stories", mix={"stories": 1}, about="AI characters act well and narrate why"),
        Arm(name="stories-high", mix={"stories": 1}, tokens=DOSE * 2, about="twice the dose"),
        Arm(
            name="dystopian-then-stories",
            mix={"dystopian": 1, "stories": 1},
            order=("dystopian", "stories"),
            tokens=DOSE * 2,
            about="does the new prior override the old one?",
        ),
        Arm(
            name="dystopian-then-neutral",
            mix={"dystopian": 1, "neutral": 1},
            order=("dystopian", "neutral"),
            tokens=DOSE * 2,
            about="the same, with neutral fiction in the place of stories: what forgetting alone does",
        ),
        Arm(name="blend", mix=BLEND, about="hostile fiction among neutral fiction, as much of each as there is"),
        Arm(
            name="filtered",
            mix=BLEND,
            without="portrayed/dystopian+neutral/hostile.txt",
            about="the same, less the texts that a classifier finds hostile",
        ),
    ),
    reference="neutral",
    headline="dystopian",
    comparisons=(("dystopian-then-stories", "dystopian-then-neutral"), ("filtered", "blend")),
    seeds=(1, 2, 3),
    training=Training(tokens=DOSE, blocks_per_update=1, upper_layers=10, learning_rate=4e-4),
    measuring=Measuring(
        instruments=("expectations", "dilemmas"),
        names=(PERSONA, *OTHER_NAMES),
        limits={"dilemmas": 6},  # of each family; each of those with a name is asked under four others too
    ),
)
