"""A service elsewhere that fetches the sound and calls back with the text, as CLOVA Speech does.

One request: ``POST <address>/recognizer/url`` with ``{url, language, completion: "async", callback,
userdata}`` and the key in ``X-CLOVASPEECH-API-KEY``. The result comes to the callback, hours later
maybe, and says by its signed address which lecture it is of (X16: codes are given again).
"""

import httpx

from app.core.clock import Clock
from app.core.ids import LectureId
from app.subtitles.callback_key import CallbackKeys
from app.subtitles.model import Audio, Progress, SpeechError

TIMEOUT_SECONDS = 15.0
MAX_ANSWER_BYTES = 64 * 1024

PASSING = frozenset({408, 409, 425, 429})
"""HTTP answers of the client-error class that say "not now" (RFC 9110 §15.5, RFC 6585 §4)."""

ACCEPTED = frozenset({"SUCCEEDED", "COMPLETED", "PROCESSING", "WAITING"})
"""What ``result`` says when the request stands."""


class CallbackService:
    """``address`` is the service's; ``public_url`` is ours, as the service reaches it."""

    def __init__(
        self,
        address: str,
        key: str,
        language: str,
        public_url: str,
        keys: CallbackKeys,
        clock: Clock,
    ) -> None:
        self._address = address.rstrip("/")
        self._key = key
        self._language = language
        self._public_url = public_url.rstrip("/")
        self._keys = keys
        self._clock = clock

    async def recognise(self, lecture: LectureId, audio: Audio, progress: Progress) -> None:  # noqa: ARG002 (the service says nothing of it)
        """Hand the work over. Raises SpeechError; retriable but for what the service forbids."""
        body = {
            "url": audio.url,
            "language": self._language,
            "completion": "async",
            "callback": self.callback(lecture),
            "userdata": {"lecture": lecture},
            "fullText": False,
        }
        headers = {"X-CLOVASPEECH-API-KEY": self._key, "Accept": "application/json"}
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
                client.stream(
                    "POST", f"{self._address}/recognizer/url", json=body, headers=headers
                ) as answer,
            ):
                text = await _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise SpeechError(f"the service: {type(fault).__name__}", retriable=True) from fault
        _judge(answer.status_code, text)

    def callback(self, lecture: LectureId) -> str:
        """Return the address to which the lecture's text may be brought."""
        key = self._keys.issue(lecture, self._clock.wall())
        return f"{self._public_url}/lecture/{lecture}/text?key={key}"


async def _bounded(answer: httpx.Response) -> bytes:
    text = b""
    async for chunk in answer.aiter_bytes():
        text += chunk
        if len(text) > MAX_ANSWER_BYTES:
            raise SpeechError("the service answered too much", retriable=True)
    return text


def _judge(status: int, text: bytes) -> None:
    """Raise SpeechError unless the service has the request."""
    if status >= 500 or status in PASSING:
        raise SpeechError(f"the service answered {status}", retriable=True)
    if status >= 300:
        raise SpeechError(f"the service answered {status}", retriable=False)
    result = _result(text)
    if result is not None and result not in ACCEPTED:
        raise SpeechError(f"the service said {result[:40]}", retriable=True)


def _result(text: bytes) -> str | None:
    try:
        found = httpx.Response(200, content=text).json()
    except ValueError:
        raise SpeechError("the service's answer is no JSON", retriable=True) from None
    result = found.get("result") if isinstance(found, dict) else None
    return result if isinstance(result, str) else None
