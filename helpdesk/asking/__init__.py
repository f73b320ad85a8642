"""Questions of agents: answered by sentences that cite, or not at all."""
