"""A jitter buffer: packets in as they come, sound out as it is needed."""

from __future__ import annotations

from audiokit.errors import MalformedPacketError
from audiokit.ranges import check_range
from audiokit.stage import Block
from audiokit.transit.arrival_jitter import ArrivalJitter
from audiokit.transit.decoder import PacketDecoder
from audiokit.transit.jitter_settings import JitterSettings
from audiokit.transit.packet import Packet
from audiokit.transit.packet_queue import PacketQueue, Waiting
from audiokit.transit.ready_sound import ReadySound
from audiokit.transit.receiver_stats import ReceiverStats
from audiokit.transit.sequencer import Sequencer
from audiokit.transit.target_delay import OVERDUE_S, TargetDelay

__all__ = ["JitterBuffer"]

# Deviations from the target that are let be: stretching costs quality, waiting little. What
# is once too late is brought down further, to where it is near.
_TOO_LATE_S, _NEAR_S, _TOO_EARLY_S = 0.012, 0.008, 0.010
# With less sound than this at hand, and the next packet overdue, it may come too late: time is
# gained while there is something to stretch. Not where most such packets turn out lost.
_SCARCE_S, _LEAST_LATE_SHARE = 0.080, 0.3
# What must be left to play after sound was taken out.
_LEAST_LEFT_S = 0.025
# Share of time by which sound may be stretched in the long run, when there is no hurry and
# when there is.
_CALM_RATE, _HURRIED_RATE = 0.25, 0.7
# Likeness that a join needs: nobody hears the first, hardly anyone the second.
_CALM_LIKENESS, _HURRIED_LIKENESS = 0.85, 0.3
# So far from its target, the delay is in a hurry to get there.
_FAR_S = 0.030
# After so long without a packet the sender is held to have stopped.
_STOPPED_S = 2.0
# A lost packet is never made up at greater length than the longest that Opus has.
_LONGEST_PIECE_S = 0.12


class JitterBuffer:
    """Put packets in order, wait for those that are late, and fill what is missing.

    A machine: `push` each packet when it arrives and `pull` a block whenever one is due; the
    clock is the caller's. Sound is played a chosen delay behind the quickest packets. The delay
    follows its target by stretching the sound, and in pauses for nothing. Where sound runs out,
    it is made up until the next packet comes, which is then played, not discarded: a spike
    costs once what it lasts. Where packets are lost for good, the next one's redundancy
    stands in, or concealment of just their length.

    Args:
        decoder: What makes sound of packets.
        clock_hz: Of the packets' timestamps: 48000 for Opus, 8000 for G.711.
        settings: How it waits.

    Raises:
        SettingError: The clock is out of range.
    """

    def __init__(
        self,
        decoder: PacketDecoder,
        *,
        clock_hz: int,
        settings: JitterSettings | None = None,
    ) -> None:
        check_range("clock_hz", clock_hz, 1, 768_000, unit="Hz")
        self.settings = settings or JitterSettings()
        self.fmt = decoder.fmt
        rate = self.fmt.sample_rate
        self._decoder = decoder
        self._clock_hz = clock_hz
        self._s_per_tick, self._s_per_sample = 1.0 / clock_hz, 1.0 / rate
        self._ticks_per_sample = clock_hz / rate
        self._n_pull = rate * self.settings.pull_ms // 1000
        self._n_join = rate // 100
        self._most_s = self.settings.max_delay_ms / 1000.0
        self._sequencer = Sequencer(clock_hz)
        self._queue = PacketQueue(
            decoder, clock_hz=clock_hz, payload_type=self.settings.payload_type
        )
        self._target = TargetDelay(
            least_s=self.settings.min_delay_ms / 1000.0,
            most_s=self._most_s,
            packet_s=self.settings.packet_ms / 1000.0,
        )
        self._is_playing = False
        self._newest_sequence = -1
        self._ready = ReadySound(self.fmt)
        # Samples made up while nothing was there; what they stood for is known later.
        self._n_awaited = 0
        self._is_concealing = False
        self._too_late_s = _TOO_LATE_S
        self._jitter = ArrivalJitter()
        self._delay_sum = self._target_sum = 0.0
        self._n_emitted = self._n_played = self._n_concealed = self._n_comfort = 0
        self._n_events = self._n_repaired = 0

    @property
    def stream_s(self) -> float:
        """Where in the stream the next sample lies, in s after the first packet's first."""
        return (
            self._queue.next_ticks * self._s_per_tick - self._ready.n_samples * self._s_per_sample
        )

    @property
    def buffered_s(self) -> float:
        """How much of the stream is waiting, gaps included."""
        return max(0.0, self._queue.end_ticks * self._s_per_tick - self.stream_s)

    @property
    def target_delay_s(self) -> float:
        """How far behind the quickest packets sound should be played."""
        return self._target.target_s

    @property
    def is_playing(self) -> bool:
        """Whether the last block was of the stream: not before its start or after its end."""
        return self._is_playing

    @property
    def is_concealing(self) -> bool:
        """Whether the last block ended with sound that was made up."""
        return self._is_concealing

    def push(self, packet: Packet, now_s: float) -> None:
        """Take a packet that has just arrived; nothing about it need be right.

        Args:
            packet: What arrived.
            now_s: When.
        """
        for placed in self._sequencer.place(packet, now_s):
            end_ticks = self._queue.end_ticks
            if self._queue.admit(placed):
                transit_s = placed.arrival_s - placed.ticks * self._s_per_tick
                # After a pause of the sender numbers go on, and nothing is missing.
                is_next = placed.sequence <= self._newest_sequence + 1
                missing_s = 0.0 if is_next else (placed.ticks - end_ticks) * self._s_per_tick
                self._newest_sequence = max(self._newest_sequence, placed.sequence)
                self._target.note(placed.arrival_s, transit_s, missing_s)
                self._jitter.note(transit_s)

    def pull(self, now_s: float) -> Block:
        """Return what is to be heard from now on, ``(samples, channels)``, `pull_ms` long.

        Args:
            now_s: The time; no less than in the calls before.
        """
        if not self._is_playing and not self._begins(now_s):
            return self.fmt.silence(self._n_pull)
        target = self._target
        queue = self._queue
        position_s = self.stream_s
        excess_s = now_s - position_s - target.base_s - target.target_s
        end_s = queue.end_ticks * self._s_per_tick
        buffered_s = end_s - position_s
        is_scarce = (
            buffered_s < _SCARCE_S
            and target.late_share > _LEAST_LATE_SHARE
            and now_s - end_s - target.base_s > target.usual_s + OVERDUE_S
        )
        self._n_played += self._n_pull
        self._target_sum += target.target_s
        if not -_TOO_EARLY_S <= excess_s <= self._too_late_s or is_scarce:
            self._adjust(now_s, excess_s, buffered_s, is_scarce=is_scarce)
        else:
            self._too_late_s = _TOO_LATE_S
        while self._ready.n_samples < self._n_pull:
            self._fetch(now_s)
        return self._ready.take(self._n_pull)

    def stats(self) -> ReceiverStats:
        """Return the counts so far."""
        places, queue = self._sequencer, self._queue
        return ReceiverStats(
            packets_received=places.n_received,
            packets_lost=places.n_expected - places.n_received,
            packets_discarded=queue.n_discarded,
            packets_duplicated=places.n_duplicates,
            packets_malformed=queue.n_malformed,
            packets_ignored=queue.n_ignored + places.n_strays,
            packets_repaired=self._n_repaired,
            jitter=self._jitter.jitter_s,
            jitter_buffer_delay=self._delay_sum,
            jitter_buffer_emitted_count=self._n_emitted,
            jitter_buffer_target_delay=self._target_sum * self._n_pull,
            total_samples_received=self._n_played,
            concealed_samples=self._n_concealed + self._n_awaited,
            concealment_events=self._n_events,
            comfort_samples=self._n_comfort,
            inserted_samples_for_deceleration=self._ready.n_inserted,
            removed_samples_for_acceleration=self._ready.n_removed,
            adjustments=self._ready.n_adjustments,
            restarts=places.n_restarts,
        )

    def _begins(self, now_s: float) -> bool:
        """Start once the oldest packet has waited long enough."""
        oldest = self._queue.oldest()
        if oldest is None:
            return False
        delay_s = now_s - oldest.ticks * self._s_per_tick - self._target.base_s
        if delay_s >= self._target.target_s:
            self._queue.begin()
            self._is_playing = True
        return self._is_playing

    def _fetch(self, now_s: float) -> None:
        """Make the next piece of sound ready, or pass over what needs none."""
        queue = self._queue
        waiting = queue.peek()
        if waiting is None:
            if len(queue):
                self._fill_gap(now_s)
            else:
                self._await()
        elif waiting.ticks > queue.next_ticks and self._pauses(waiting, now_s):
            return
        else:
            self._play(waiting, now_s)

    def _play(self, waiting: Waiting, now_s: float) -> None:
        self._queue.take()
        if self._n_awaited:
            # It was late, not lost.
            self._n_concealed += self._n_awaited
            self._n_awaited = 0
        if waiting.is_anew:
            self._decoder.reset()
        if not waiting.n_samples:
            return
        try:
            block = self._decoder.decode(waiting.payload)
        except MalformedPacketError:
            self._queue.n_malformed += 1
            self._conceal(waiting.n_samples)
            return
        self._is_concealing = False
        n_samples = len(block)
        at_s = now_s + self._ready.n_samples * self._s_per_sample
        self._delay_sum += (at_s - waiting.arrival_s) * n_samples
        self._n_emitted += n_samples
        self._ready.add(block)

    def _pauses(self, waiting: Waiting, now_s: float) -> bool:
        """Fill a pause that the sender made, as far as the delay wants it; say whether any."""
        self._n_comfort += self._n_awaited
        self._n_awaited = 0
        at_s = now_s + self._ready.n_samples * self._s_per_sample
        delay_s = at_s - waiting.ticks * self._s_per_tick - self._target.base_s
        n_samples = round((self._target.target_s - delay_s) * self.fmt.sample_rate)
        n_samples = min(n_samples, self._n_pull - self._ready.n_samples)
        if n_samples <= 0:
            return False
        self._ready.add(self._decoder.conceal(n_samples))
        self._n_comfort += n_samples
        return True

    def _await(self) -> None:
        """Make up sound until a packet comes."""
        n_samples = self._n_pull - self._ready.n_samples
        self._make_up(n_samples)
        self._n_awaited += n_samples
        if self._n_awaited > _STOPPED_S * self.fmt.sample_rate:
            self._n_comfort += self._n_awaited
            self._n_awaited = 0
            self._is_playing = False
            self._is_concealing = False

    def _fill_gap(self, now_s: float) -> None:
        """Make up the next lost packet, unless its time has been filled while waiting."""
        queue = self._queue
        n_missing, following = queue.gap()
        ticks_each = max(0, following.ticks - queue.next_ticks) // n_missing
        if self._n_awaited:
            n_filled = n_missing
            if ticks_each:
                awaited_ticks = self._n_awaited * self._ticks_per_sample
                n_filled = min(n_missing, int(awaited_ticks // ticks_each))
            self._n_concealed += self._n_awaited
            self._n_awaited = 0
            queue.pass_over(n_filled, queue.next_ticks + n_filled * ticks_each)
            return
        n_samples = min(
            round(ticks_each / self._ticks_per_sample),
            round(_LONGEST_PIECE_S * self.fmt.sample_rate),
        )
        queue.pass_over(1, queue.next_ticks + int(n_samples * self._ticks_per_sample))
        if n_samples <= 0:
            return
        repaired = None
        if n_missing == 1 and following.n_samples and not following.is_anew:
            repaired = self._recover(following.payload, n_samples)
        if repaired is None:
            # Where the delay is to fall, nothing is better left out than what nobody said.
            late_s = now_s - self.stream_s + n_samples * self._s_per_sample
            late_s -= self._target.base_s + self._target.target_s
            if late_s > _TOO_LATE_S:
                n_spare = min(int(late_s * self.fmt.sample_rate), n_samples - self._n_join)
                n_samples -= max(0, n_spare)
            self._conceal(n_samples)
            return
        self._n_repaired += 1
        self._is_concealing = False
        self._ready.add(repaired)

    def _recover(self, following: bytes, n_samples: int) -> Block | None:
        try:
            return self._decoder.recover(following, n_samples)
        except MalformedPacketError:
            # It will be counted where its own turn comes.
            return None

    def _conceal(self, n_samples: int) -> None:
        self._n_concealed += n_samples
        self._make_up(n_samples)

    def _make_up(self, n_samples: int) -> None:
        if not self._is_concealing:
            self._n_events += 1
            self._is_concealing = True
        self._ready.add(self._decoder.conceal(n_samples))

    def _adjust(
        self, now_s: float, excess_s: float, buffered_s: float, *, is_scarce: bool
    ) -> None:
        """Bring the delay nearer to its target, by stretching if need be."""
        following = self._queue.peek()
        if following is not None and following.ticks > self._queue.next_ticks:
            # The sender pauses: the delay is set where that ends.
            return
        most_s = self._most_s + self.settings.packet_ms / 1000.0
        if buffered_s > most_s:
            self._queue.make_room(round(most_s * self._clock_hz))
            return
        is_hurried = is_scarce or excess_s > _FAR_S
        rate = _HURRIED_RATE if is_hurried else _CALM_RATE
        if not self._ready.earn(rate * self._n_pull, is_hurried=is_hurried):
            return
        longest = self._ready.longest_samples
        likeness = _HURRIED_LIKENESS if is_hurried else _CALM_LIKENESS
        if is_scarce or excess_s < 0.0:
            if not self._is_concealing and self._gather(longest, now_s):
                self._ready.lengthen(likeness=likeness)
            return
        self._too_late_s = _NEAR_S
        # While packets come unusually late, the delay may have risen for good: there, what is
        # taken out would only have to be put in again.
        target = self._target
        is_late = target.recent_s > target.usual_s + OVERDUE_S
        needed_s = _SCARCE_S if is_late else _LEAST_LEFT_S + longest * self._s_per_sample
        allowed_s = excess_s + target.target_s - target.recent_s
        if min(allowed_s, buffered_s) > needed_s and self._gather(2 * longest, now_s):
            self._ready.shorten(likeness=likeness)

    def _gather(self, n_samples: int, now_s: float) -> bool:
        """Make so many samples ready without making any up; say whether they are."""
        while self._ready.n_samples < n_samples:
            waiting = self._queue.peek()
            if waiting is None or waiting.ticks > self._queue.next_ticks:
                return False
            self._play(waiting, now_s)
        return not self._is_concealing
