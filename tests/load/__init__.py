"""The server under load, over long conversations and through crashes."""
