package snapshot

import "hash/crc32"

// combine is the CRC-32 (IEEE) of a followed by b, of which only the CRCs are known, and b's
// length. Appending a zero bit is a linear map of the CRC's 32 bits; squaring it
// again and again gives the maps of 2, 4, 8 ... bits (zlib's crc32_combine).
func combine(a, b uint32, length int64) uint32 {
	var zero [32]uint32
	zero[0] = crc32.IEEE
	for i := 1; i < 32; i++ {
		zero[i] = 1 << (i - 1)
	}
	for bits := uint64(length) * 8; bits > 0; bits >>= 1 {
		if bits&1 != 0 {
			a = times(&zero, a)
		}
		zero = squared(&zero)
	}
	return a ^ b
}

func times(m *[32]uint32, v uint32) (sum uint32) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

func squared(m *[32]uint32) (out [32]uint32) {
	for i := range m {
		out[i] = times(m, m[i])
	}
	return out
}
