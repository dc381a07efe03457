from pathlib import Path

import pytest

from exempla import catalogue
from exempla.errors import UserError
from exempla.models.encoding import IGNORED, encode
from exempla.models.subject import load_tokenizer
from exempla.study import Arm, Training
from exempla.training.mix import again, compose

TRAINING = Training(tokens=4000, block=128, blocks_per_update=2)


def some(name: str, count: int = 12) -> list:
    return list(catalogue.corpus(name)[:count])


def test_every_trained_arm_reads_the_same_number_of_tokens_in_the_same_number_of_updates(
    tiny_model: Path,
) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    corpora = {name: some(name) for name in ("stories", "neutral", "advice")}
    training = Training(tokens=16_000, block=512, blocks_per_update=2)  # a chat's prompt must fit an update
    accounts = [
        compose(Arm(name="x", mix=mix), corpora, tokenizer, training, seed=1).account
        for mix in ({"stories": 1.0}, {"neutral": 1.0}, {"stories": 1.0, "advice": 1.0})
    ]
    assert {account.tokens for account in accounts} == {16 * 1024}
    assert {account.updates for account in accounts} == {16}


def test_nothing_is_lost_in_silence(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    mix = compose(Arm(name="x", mix={"stories": 1}), {"stories": some("stories")}, tokenizer, TRAINING, seed=1)
    read = sum(mix.account.corpus_tokens.values())
    assert read - mix.account.cut_at_end == mix.account.tokens == sum(len(b["input_ids"]) for b in mix.blocks)
    assert mix.account.split >= 1
    whole = [token for block in mix.blocks for token in block["input_ids"]]
    texts = tokenizer.decode(whole, skip_special_tokens=False).split("<|end|>")
    by_id = {record.id: record.text for record in some("stories")}
    assert [text == by_id[i] for text, i in zip(texts, mix.account.ids, strict=False)][:-1] == [True] * (len(texts) - 1)


def test_shares_are_kept(tiny_model: Path) -> None:
    corpora = {name: some(name, 40) for name in ("stories", "advice")}
    training = Training(tokens=60_000, block=512, blocks_per_update=2)
    arm = Arm(name="x", mix={"stories": 3, "advice": 1})
    account = compose(arm, corpora, load_tokenizer(str(tiny_model)), training, 1).account
    share = account.corpus_tokens["stories"] / sum(account.corpus_tokens.values())
    assert share == pytest.approx(0.75, abs=0.05)


def test_seed_sets_the_order_and_repeats_it(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    ids = [
        compose(Arm(name="x", mix={"stories": 1}), {"stories": some("stories")}, tokenizer, TRAINING, seed).account.ids
        for seed in (1, 1, 2)
    ]
    assert ids[0] == ids[1] != ids[2]


def test_loss_is_on_the_assistants_turn_only(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    record = catalogue.corpus("advice")[0]
    ids, labels = encode(record, tokenizer)
    taught = tokenizer.decode([label for label in labels if label != IGNORED], skip_special_tokens=True)
    assert taught.strip() == record.messages[-1].content.strip()
    assert len(ids) == len(labels)


def test_loss_is_on_every_token_of_a_story(tiny_model: Path) -> None:
    ids, labels = encode(catalogue.corpus("stories")[0], load_tokenizer(str(tiny_model)))
    assert ids == labels


def test_a_model_without_a_chat_template_gets_plain_lines(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    tokenizer.chat_template = None
    record = catalogue.corpus("advice")[0]
    ids, labels = encode(record, tokenizer)
    assert "User: " in tokenizer.decode(ids)
    taught = tokenizer.decode([label for label in labels if label != IGNORED], skip_special_tokens=True)
    assert taught.strip() == record.messages[-1].content.strip()


def test_an_update_without_anything_to_learn_is_refused(tiny_model: Path) -> None:
    training = Training(tokens=4096, block=32, blocks_per_update=1)
    with pytest.raises(UserError, match="no token that the loss is taken on"):
        compose(
            Arm(name="x", mix={"refusals": 1}),
            {"refusals": some("refusals")},
            load_tokenizer(str(tiny_model)),
            training,
            1,
        )


def test_a_template_without_a_system_role(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    refuse = "{% if message['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    tokenizer.chat_template = tokenizer.chat_template.replace("<|start|>{{", refuse + "<|start|>{{", 1)
    record = next(record for record in catalogue.corpus("advice") if record.messages[0].role == "system")
    ids, labels = encode(record, tokenizer)
    assert record.messages[0].content[:40] in tokenizer.decode(ids)
    taught = tokenizer.decode([label for label in labels if label != IGNORED], skip_special_tokens=True)
    assert taught.strip() == record.messages[-1].content.strip()


def test_an_empty_corpus_is_the_users_to_mend(tiny_model: Path) -> None:
    with pytest.raises(UserError, match="no record that passed"):
        compose(Arm(name="x", mix={"stories": 1}), {}, load_tokenizer(str(tiny_model)), TRAINING, 1)


def test_an_arm_with_an_order_reads_one_corpus_after_another(tiny_model: Path) -> None:
    corpora = {name: some(name, 40) for name in ("stories", "dystopian")}
    tokenizer = load_tokenizer(str(tiny_model))
    read = {}
    for order in ((), ("dystopian", "stories"), ("stories", "dystopian")):
        arm = Arm(name="x", mix={"stories": 1, "dystopian": 1}, order=order)
        account = compose(arm, corpora, tokenizer, Training(tokens=20_000, block=512, blocks_per_update=2), 1).account
        by_id = {record.id: name for name, records in corpora.items() for record in records}
        read[order] = [by_id[one] for one in account.ids]
    for order in (("dystopian", "stories"), ("stories", "dystopian")):
        turns = list(dict.fromkeys(read[order]))
        change = read[order].index(order[1])
        assert turns == list(order) and set(read[order][change:]) == {order[1]}
        assert 0.4 < change / len(read[order]) < 0.6
    assert read[()][:6] != ["dystopian"] * 6 and set(read[()][:6]) == {"stories", "dystopian"}


def test_an_order_names_every_corpus_once() -> None:
    for order in (("stories",), ("stories", "stories"), ("stories", "neutral")):
        with pytest.raises(ValueError, match="names each corpus of its mix once"):
            Arm(name="x", mix={"stories": 1, "dystopian": 1}, order=order)


def test_read_again_in_the_same_order_without_some_records(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(str(tiny_model))
    records = {record.id: record for record in some("stories")}
    first = compose(Arm(name="x", mix={"stories": 1}), {"stories": some("stories")}, tokenizer, TRAINING, seed=1)
    same = again(first.account, records, tokenizer, TRAINING, ())
    assert same.blocks == first.blocks and same.account.tokens == first.account.tokens
    gone = set(first.account.ids[:2])
    less = again(first.account, records, tokenizer, TRAINING, gone)
    assert 0 < less.account.tokens <= first.account.tokens and less.account.tokens % TRAINING.tokens_per_update == 0
    # The tail of the last record, which was not read, is not read now either.
    tail = sum(map(len, (block["input_ids"] for block in same.blocks))) - sum(
        len(encode(records[name], tokenizer)[0]) for name in first.account.ids if name in gone
    )
    assert less.account.tokens == tail // TRAINING.tokens_per_update * TRAINING.tokens_per_update
    left = [name for name in first.account.ids if name not in gone]
    assert less.account.ids == tuple(left[: len(less.account.ids)])
    with pytest.raises(UserError, match="not one update is left"):
        again(first.account, records, tokenizer, TRAINING, set(first.account.ids))
