"""A trained subject as tracing needs it: in float32, adapters not merged, and the names of what was trained."""

from __future__ import annotations

import torch

from exempla.errors import UserError
from exempla.models.identity import folder_sums, is_adapter
from exempla.models.layers import layers_of, linear_names, plain_model
from exempla.models.quiet import quiet_libraries
from exempla.models.subject import Subject, load_errors, load_subject
from exempla.runfolder import RunFolder
from exempla.study import Cell, Study


def load(study: Study, folder: RunFolder, cell: Cell) -> tuple[Subject, list[str]]:
    """The subject after a cell's training, and the names of its linear layers that were trained.

    Embeddings and norms were trained too; their part is not traced.

    Raises:
        UserError: its checkpoint is not there.
    """
    checkpoint = folder.checkpoint(cell)
    if not checkpoint.is_dir():
        raise UserError(
            f"{checkpoint}: no such checkpoint; go on with `exempla run`, or choose another --arm or --seed"
        )
    sums = folder.checksums(cell)
    if sums.exists() and sums.read_text(encoding="utf-8") != folder_sums(checkpoint):
        raise UserError(f"{checkpoint}: its files are not those that training left (see {sums}); run the study again")
    if not is_adapter(checkpoint):
        subject = load_subject(study.subject, checkpoint, torch.float32)
        model, upper = subject.model, study.training.upper_layers
        names = linear_names(model, layers_of(model)[-upper:] if upper else [model.get_decoder()])
        if not names:
            raise UserError(
                f"{study.subject}: has no linear layers by which it could be traced; train with method='lora'"
            )
        return subject, names
    from peft import PeftModel

    bare = load_subject(study.subject, None, torch.float32)
    with load_errors(str(checkpoint)), quiet_libraries():
        model = PeftModel.from_pretrained(bare.model, str(checkpoint)).eval()
    names = linear_names(model, [plain_model(model)])
    subject = Subject(model=model, tokenizer=bare.tokenizer, device=bare.device, dtype=bare.dtype)
    return subject, [name for name in names if ".lora_A." in name or ".lora_B." in name]
