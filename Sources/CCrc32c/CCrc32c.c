#include "CCrc32c.h"

#include <pthread.h>
#include <string.h>

// Slicing by eight: one table look-up per byte, eight bytes at a time.
static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? 0x82F63B78u : 0);
        table[0][i] = value;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int slice = 1; slice < 8; slice++)
            table[slice][i] = (table[slice - 1][i] >> 8) ^ table[0][table[slice - 1][i] & 0xFF];
}

uint32_t ccrc32c_portable(uint32_t seed, const void *bytes, size_t length) {
    pthread_once(&table_once, fill_table);
    const unsigned char *p = bytes;
    uint32_t crc = ~seed;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = table[7][word & 0xFF] ^ table[6][(word >> 8) & 0xFF] ^ table[5][(word >> 16) & 0xFF] ^
              table[4][(word >> 24) & 0xFF] ^ table[3][(word >> 32) & 0xFF] ^ table[2][(word >> 40) & 0xFF] ^
              table[1][(word >> 48) & 0xFF] ^ table[0][word >> 56];
        p += 8;
        length -= 8;
    }
#endif
    while (length-- > 0) crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t seed, const void *bytes, size_t length) {
    const unsigned char *p = bytes;
    uint64_t crc = (uint32_t)~seed;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = __builtin_ia32_crc32di(crc, word);
        p += 8;
        length -= 8;
    }
    while (length-- > 0) crc = __builtin_ia32_crc32qi((uint32_t)crc, *p++);
    return ~(uint32_t)crc;
}

uint32_t ccrc32c(uint32_t seed, const void *bytes, size_t length) {
    if (__builtin_cpu_supports("sse4.2")) return crc_sse42(seed, bytes, length);
    return ccrc32c_portable(seed, bytes, length);
}
#else
uint32_t ccrc32c(uint32_t seed, const void *bytes, size_t length) { return ccrc32c_portable(seed, bytes, length); }
#endif
