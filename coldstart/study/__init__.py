"""The study: arms × budgets × folds × seeds as cached commands, and what they say about the synthetic data."""
