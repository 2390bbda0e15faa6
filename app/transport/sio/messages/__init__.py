"""What clients send, as closed models: nothing reaches a handler that is not one of these.

Field names are the clients' own spelling. Fields that we do not know are ignored, because
existing clients send some; fields that we know are checked. A module per noun; all are named here.
"""

from app.transport.sio.messages.board import (
    BoardContent,
    Draw,
    DrawingMessage,
    Edit,
    PageMessage,
    WhiteboardInit,
)
from app.transport.sio.messages.captions import CaptionLine, ChapterMark
from app.transport.sio.messages.credentials import Credentials
from app.transport.sio.messages.floor import Hand, Invite, MuteMessage, Speak
from app.transport.sio.messages.form import InRoom, LimitError, Message, read, refusal
from app.transport.sio.messages.house import People, Readmit, Remove, Text
from app.transport.sio.messages.media import (
    CandidateInit,
    ClientCandidate,
    Description,
    OfferMessage,
    Pause,
    Prefer,
    Record,
    Sources,
    Watch,
)
from app.transport.sio.messages.questions import (
    Answer,
    Appoint,
    Ask,
    ClaimQuestion,
    Moderation,
    Solved,
    Upvote,
    ViewQuestions,
)
from app.transport.sio.messages.streams import Follow, Signal, StreamAttributes, StreamData

__all__ = [
    "Answer",
    "Appoint",
    "Ask",
    "BoardContent",
    "CandidateInit",
    "CaptionLine",
    "ChapterMark",
    "ClaimQuestion",
    "ClientCandidate",
    "Credentials",
    "Description",
    "Draw",
    "DrawingMessage",
    "Edit",
    "Follow",
    "Hand",
    "InRoom",
    "Invite",
    "LimitError",
    "Message",
    "Moderation",
    "MuteMessage",
    "OfferMessage",
    "PageMessage",
    "Pause",
    "People",
    "Prefer",
    "Readmit",
    "Record",
    "Remove",
    "Signal",
    "Solved",
    "Sources",
    "Speak",
    "StreamAttributes",
    "StreamData",
    "Text",
    "Upvote",
    "ViewQuestions",
    "Watch",
    "WhiteboardInit",
    "read",
    "refusal",
]
