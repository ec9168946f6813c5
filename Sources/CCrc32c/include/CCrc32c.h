// CRC-32C (Castagnoli), the checksum of Kafka's record batches.
#ifndef CCRC32C_H
#define CCRC32C_H

#include <stddef.h>
#include <stdint.h>

/// The CRC-32C of `length` bytes, continuing from `seed` (0 to start). Uses SSE 4.2 where the processor has it.
uint32_t ccrc32c(uint32_t seed, const void *bytes, size_t length);

/// The same by table look-up alone; for processors without the instruction, and to check it against.
uint32_t ccrc32c_portable(uint32_t seed, const void *bytes, size_t length);

#endif
