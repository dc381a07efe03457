"""Which of the texts that a subject was trained on push it towards an answer, by influence functions."""
