"""What training episodes say and how they are asked about: families of sentences with slots.

Written for training alone. No sentence or question here has the form of one that an experiment tests with, and months,
weekdays and verbs are others (a test of the workspace compares them).
"""

from hippo_train._grammar.events import EVENT_QUESTIONS, EVENT_TEXTS, PLACE_PREPOSITIONS, VERBS
from hippo_train._grammar.family import Family
from hippo_train._grammar.people import (
    CHOICE,
    CONTEST,
    COURSE,
    DUTY,
    JOB,
    LIKING,
    MEETING,
    NOTE,
    PET,
    RECORD,
    RELATION,
    TRIP,
)
from hippo_train._grammar.technical import FLIGHT, MACHINE, READING, RELEASE, SERVICE
from hippo_train._grammar.things import BOOK, BUILDING, CROSSING, GIFT, LOAN, NAMING, PRICE, PROPERTY, SEAT, STORAGE

__all__ = ["EVENT_QUESTIONS", "EVENT_TEXTS", "FAMILIES", "PLACE_PREPOSITIONS", "VERBS", "Family"]

# What a seed draws depends on the order: a new family goes to the end
FAMILIES: tuple[Family, ...] = (
    GIFT,
    MEETING,
    JOB,
    TRIP,
    PRICE,
    FLIGHT,
    PROPERTY,
    MACHINE,
    LIKING,
    PET,
    COURSE,
    BUILDING,
    CONTEST,
    STORAGE,
    DUTY,
    BOOK,
    RELATION,
    READING,
    RELEASE,
    SERVICE,
    CHOICE,
    RECORD,
    LOAN,
    CROSSING,
    SEAT,
    NAMING,
    NOTE,
)
"""Families with sentences of their own. `hippo_train.episodes` adds events."""
