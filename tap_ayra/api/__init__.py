"""The API: one paced, retried request, its failures and what its headers say."""
