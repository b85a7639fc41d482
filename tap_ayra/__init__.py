"""A Singer tap that reads the conversations of Ayra's AI voice agents, complete and final."""
