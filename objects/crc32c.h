// CRC-32C (Castagnoli), the checksum of everything the store writes. Uses the processor's instruction where it has one.
// Source: RFC 3720 appendix B.4 (polynomial 0x1EDC6F41, reflected, initial and final inversion; test vectors).
#pragma once

#include <cstdint>
#include <span>

namespace kring {

// The checksum of the bytes, or of what `crc` covers followed by them.
uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t crc = 0);

// The same by tables, whatever the processor: the reference for the test.
uint32_t crc32c_portable(std::span<const uint8_t> bytes, uint32_t crc = 0);

}  // namespace kring
