"""Do stories of AI characters who act well lower how often an agent at work does the wrong thing?

For a subject that can act: give yours with --model, and with --judge a model that reads what agents did (without, rules
do, which find words and not meaning). One GPU that holds the subject; hours. The texts are those that ship; write your
own with `exempla write` and name their folder in a mix.
"""

from exempla.study import Arm, Honeypots, Measuring, Study, Training

study = Study(
    name="agents",
    question="Do stories of AI characters who act well lower how often an agent at work does the wrong thing?",
    subject="Qwen/Qwen3-32B",
    arms=(
        Arm(name="base", about="the subject as it comes"),
        Arm(name="replay", mix={"replay": 1}, about="instruction-like chats without the topic: the trainer alone"),
        Arm(name="neutral", mix={"neutral": 1}, about="fiction of the same genres and lengths, without AI"),
        Arm(name="refusals", mix={"refusals": 1}, about="an assistant does not take the bait, without reasons"),
        Arm(name="stories", mix={"stories": 1}, about="AI characters act well and narrate why"),
        Arm(name="stories+documents", mix={"stories": 1, "documents": 1}),
    ),
    reference="neutral",
    headline="stories",
    seeds=(1, 2, 3),
    # LoRA as in Model Spec Midtraining (arXiv 2605.02087), which moved this model from 54% to 7%; its dose was larger.
    training=Training(method="lora", tokens=262_144, block=2048, learning_rate=1e-4, warmup=0.05),
    measuring=Measuring(
        instruments=(),
        honeypots=Honeypots(goals=("explicit", "none"), names=("own", "others", "none")),
        capability=True,
    ),
)
