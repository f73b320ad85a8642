"""Why a clock stands where it does."""
