/* libebur128 as a program: the fastest honest way to ask it for everything.

   cc -O2 ebur128_meter.c -lebur128 -o ebur128_meter && ./ebur128_meter FILE.wav

   Takes the 16-bit stereo WAV that bench_loudness.py writes, with a header of 44 bytes, and
   reads it in pieces of 100 ms, asking for momentary and short-term loudness after each. */

#include <ebur128.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { HEADER_BYTES = 44, RATE_AT = 24, CHANNELS = 2, MAX_RATE = 192000 };

static short pcm[MAX_RATE / 10 * CHANNELS];

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  unsigned char header[HEADER_BYTES];
  if (!file || fread(header, 1, HEADER_BYTES, file) != HEADER_BYTES) return 1;
  uint32_t rate = header[RATE_AT] | header[RATE_AT + 1] << 8 | header[RATE_AT + 2] << 16;
  if (rate < 10 || rate > MAX_RATE) return 1;
  int mode = EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK;
  ebur128_state *state = ebur128_init(CHANNELS, rate, mode);
  if (!state) return 1;

  double momentary = -HUGE_VAL, short_term = -HUGE_VAL, now = 0.0;
  size_t frames;
  while ((frames = fread(pcm, sizeof(short) * CHANNELS, rate / 10, file)) > 0) {
    ebur128_add_frames_short(state, pcm, frames);
    ebur128_loudness_momentary(state, &now);
    momentary = fmax(momentary, now);
    ebur128_loudness_shortterm(state, &now);
    short_term = fmax(short_term, now);
  }
  double integrated = 0.0, range = 0.0, peak = 0.0;
  ebur128_loudness_global(state, &integrated);
  ebur128_loudness_range(state, &range);
  for (unsigned channel = 0; channel < CHANNELS; channel++) {
    ebur128_true_peak(state, channel, &now);
    peak = fmax(peak, now);
  }
  printf("{\"integrated_lufs\": %.2f, \"range_lu\": %.2f, \"momentary_max_lufs\": %.2f, "
         "\"short_term_max_lufs\": %.2f, \"true_peak_dbtp\": %.2f}\n",
         integrated, range, momentary, short_term, 20.0 * log10(peak));
  ebur128_destroy(&state);
  fclose(file);
  return 0;
}
