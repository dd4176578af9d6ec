/* Opus as C calls it: the peer of bench_codec.py.

   opus_peer LIBRARY RATE FRAME PCM PACKETS ROUNDS
   LIBRARY is libopus, PCM holds float samples of one channel, PACKETS takes the packets, each
   behind its length (two bytes). Prints the least CPU seconds of encoding and of decoding all. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_BYTES 3832

typedef struct Encoder Encoder;
typedef struct Decoder Decoder;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "%s is not in the library\n", name);
        exit(1);
    }
    return found;
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    Encoder *(*new_encoder)(int32_t, int, int, int *) = symbol(library, "opus_encoder_create");
    Decoder *(*new_decoder)(int32_t, int, int *) = symbol(library, "opus_decoder_create");
    int (*set)(Encoder *, int, ...) = symbol(library, "opus_encoder_ctl");
    int32_t (*encode)(Encoder *, const float *, int, unsigned char *, int32_t) =
        symbol(library, "opus_encode_float");
    int (*decode)(Decoder *, const unsigned char *, int32_t, float *, int, int) =
        symbol(library, "opus_decode_float");
    void (*free_encoder)(Encoder *) = symbol(library, "opus_encoder_destroy");
    void (*free_decoder)(Decoder *) = symbol(library, "opus_decoder_destroy");

    int rate = atoi(argv[2]), frame = atoi(argv[3]), rounds = atoi(argv[6]);
    FILE *file = fopen(argv[4], "rb");
    if (!file) return 1;
    fseek(file, 0, SEEK_END);
    long frames = ftell(file) / (long)sizeof(float) / frame;
    rewind(file);
    float *pcm = malloc(sizeof(float) * frames * frame);
    if (fread(pcm, sizeof(float), frames * frame, file) != (size_t)(frames * frame)) return 1;
    fclose(file);
    unsigned char *packets = malloc((size_t)frames * MOST_BYTES);
    int32_t *sizes = malloc(sizeof(int32_t) * frames);
    float *out = malloc(sizeof(float) * 5760);
    double best_encode = 1e9, best_decode = 1e9;
    for (int round = 0; round < rounds; round++) {
        int error;
        /* The settings of the Pi, by the numbers of opus_defines.h. */
        Encoder *encoder = new_encoder(rate, 1, 2048, &error);
        int requests[][2] = {{4002, 24000}, {4006, 1}, {4020, 0}, {4010, 5},
                             {4012, 1}, {4014, 10}, {4016, 1}};
        for (int i = 0; i < 7; i++) set(encoder, requests[i][0], requests[i][1]);
        double begin = now_s();
        for (long i = 0; i < frames; i++)
            sizes[i] = encode(encoder, pcm + i * frame, frame, packets + i * MOST_BYTES, MOST_BYTES);
        double taken = now_s() - begin;
        if (taken < best_encode) best_encode = taken;
        free_encoder(encoder);
        Decoder *decoder = new_decoder(rate, 1, &error);
        begin = now_s();
        for (long i = 0; i < frames; i++)
            decode(decoder, packets + i * MOST_BYTES, sizes[i], out, 5760, 0);
        taken = now_s() - begin;
        if (taken < best_decode) best_decode = taken;
        free_decoder(decoder);
    }
    file = fopen(argv[5], "wb");
    if (!file) return 1;
    for (long i = 0; i < frames; i++) {
        unsigned char head[2] = {(unsigned char)(sizes[i] & 255), (unsigned char)(sizes[i] >> 8)};
        fwrite(head, 1, 2, file);
        fwrite(packets + i * MOST_BYTES, 1, (size_t)sizes[i], file);
    }
    fclose(file);
    printf("%.6f %.6f\n", best_encode, best_decode);
    return 0;
}
