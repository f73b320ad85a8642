"""How well the models do on tickets, questions and clocks whose right answers are known; nothing of it is stored."""
