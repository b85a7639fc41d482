"""What a sync will cost: the first line of a sync, and the one line of a connection test."""

from __future__ import annotations

from tap_ayra.messages import Message

READING = Message("forecast", "Reading conversations from {start} to {end}: {count:,}, {cost}")
BEGINNING = Message("forecast-beginning", "the beginning")
NOW = Message("forecast-now", "now")

CONNECTION_OK = Message("connection-ok", "Connection OK: {conversations}. First sync: {cost}{more}")
CONNECTION_OK_NARROWED = Message(
    "connection-ok-narrowed",
    "Connection OK: {conversations}, {matching:,} match the settings. First sync: {cost}{more}",
)
MATCHING = Message("forecast-matching", "{conversations} match the settings")
CONNECTION_OK_UNCOUNTED = Message(
    "connection-ok-uncounted", "Connection OK. The API reports no totals, so costs are not known"
)
TRANSCRIPTS = Message("forecast-transcripts", ". Transcripts: {cost}")
TRANSCRIPTS_AT_MOST = Message("forecast-transcripts-at-most", ". Transcripts: up to {cost}")

TIME = Message("forecast-time", ", {duration} at {limit:,} per minute")
TIME_ALONE = Message("forecast-time-alone", ", {duration}")
SHARE = Message("forecast-share", " ({share} of the {tier} tier's daily quota)")
SHARE_ALONE = Message("forecast-share-alone", " ({share})")
UNDER_A_MINUTE = Message("forecast-under-a-minute", "under 1 min")
ABOUT = Message("forecast-about", "about {duration}")
UNDER_A_PERCENT = Message("forecast-under-a-percent", "under 1%")
