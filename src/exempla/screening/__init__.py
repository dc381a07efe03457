"""The screen stage: every record passes every gate, or is dropped with a reason. One file per gate."""
