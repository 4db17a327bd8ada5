"""What was heard of one answer so far: deltas in, pieces and thoughts out, and its end."""

from __future__ import annotations

from three_stage.vlm.conversation import End, Piece, Thought
from three_stage.vlm.endpoints import Endpoint
from three_stage.vlm.live_stream import Delta
from three_stage.vlm.replies import FROM_REASONING, Reply
from three_stage.vlm.sieve import Sieve
from three_stage.vlm.thinking import Said, ThinkFilter


class Hearing:
    """Puts one answer together; every text of the server's goes through the sieve first."""

    def __init__(self, endpoint: Endpoint, *, begins_inside: bool) -> None:
        self._clean = endpoint.without_secret
        self._sieve = Sieve(endpoint)
        self._thought_sieve = Sieve(endpoint)
        self._filter = ThinkFilter(begins_inside=begins_inside)
        self._begins_inside = begins_inside
        self._refusal: list[str] = []
        self._has_text = False
        self.characters = 0
        """Characters of the answer so far, white space included."""
        self.has_begun = False
        """Whether anything was heard: from then on nothing is asked again."""
        self.is_over = False
        """Whether the server said that the stream is over."""
        self.finish_reason: str | None = None
        self._end = End(None, None, None)

    @property
    def refusal(self) -> str:
        """The words of a model that refuses."""
        return self._clean("".join(self._refusal))

    @property
    def has_text(self) -> bool:
        """Whether there is an answer, white space apart."""
        return self._has_text

    @property
    def closed_unopened(self) -> bool:
        """Whether the model's thinking ended without having been opened."""
        return self._filter.closed_unopened

    def take(self, delta: Delta) -> list[Said]:
        """Return what one chunk lets be told."""
        said: list[Said] = []
        if delta.thought:
            thought = self._thought_sieve.feed(delta.thought)
            said += [Thought(thought)] if thought else []
        if delta.text:
            said += self._filter.feed(self._sieve.feed(delta.text))
        if delta.refusal:
            self._refusal.append(delta.refusal)
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.is_over = self.is_over or delta.is_end
        self._end = End(
            finish_reason=self.finish_reason,
            usage=delta.usage or self._end.usage,
            model_answered=(delta.model and self._clean(delta.model)) or self._end.model_answered,
        )
        return self._counted(said)

    def take_whole(self, reply: Reply) -> list[Said]:
        """Return what a whole answer says that came instead of a stream."""
        text = reply.text or ""
        is_thought = FROM_REASONING in reply.notes
        said = self.take(
            Delta(
                text="" if is_thought else text,
                thought=text if is_thought else "",
                refusal=reply.refusal or "",
                finish_reason=reply.finish_reason,
                usage=reply.usage,
                model=reply.model,
                is_end=True,
            )
        )
        return [*said, *self.close()]

    def close(self) -> list[Said]:
        """Return what was held back, when nothing more comes."""
        said = self._sieved()
        said += self._filter.close()
        return self._counted(said)

    def break_off(self) -> list[Said]:
        """Return what was held back of an answer that breaks off; nothing before its first word.

        An answer of which nothing was told may still be asked for again.
        """
        if not self.has_begun:
            return []
        said = self._sieved()
        said += self._filter.break_off()
        return self._counted(said)

    def end(self, notes: tuple[str, ...]) -> End:
        """Return the end of a whole answer."""
        end = self._end
        return End(end.finish_reason, end.usage, end.model_answered, notes)

    def _sieved(self) -> list[Said]:
        thought = self._thought_sieve.close()
        said: list[Said] = [Thought(thought)] if thought else []
        return said + self._filter.feed(self._sieve.close())

    def _counted(self, said: list[Said]) -> list[Said]:
        for one in said:
            self.has_begun = True
            if isinstance(one, Piece):
                self.characters += len(one.text)
                self._has_text = self._has_text or bool(one.text.strip())
        return said
