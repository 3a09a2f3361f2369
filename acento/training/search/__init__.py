"""Search: which recipe fine-tunes best, tried out by trainings whose dev WER an Optuna study minimizes."""
