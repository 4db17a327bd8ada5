"""A conversation with the embedded model goes the way of every other, in the process itself."""

from __future__ import annotations

from tests.vlm.helpers import pictures, run
from three_stage.settings import EndpointSettings
from three_stage.vlm import End, Piece, Remark, Talk, Talker, resolve_endpoint


def test_the_embedded_model_answers_a_conversation_in_pieces() -> None:
    async def work() -> None:
        settings = EndpointSettings()
        async with Talker(resolve_endpoint(settings), settings) as talker:
            assert await talker.model_names(timeout_sec=5) == ("offline",)
            asked = Remark("user", (pictures(4), "What changes in the picture?"))
            talk = Talk(subject="test", remarks=(asked,), model="offline", temperature=None)
            events = [event async for event in talker.talk(talk)]
        assert "".join(event.text for event in events if isinstance(event, Piece)).strip()
        end = events[-1]
        assert isinstance(end, End)
        assert end.finish_reason == "stop"
        assert end.usage is not None
        assert end.usage.prompt_tokens > 0

    run(work())
