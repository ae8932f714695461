"""Runs on disk: their settings, finished shards and findings. A killed run is resumed from here."""
