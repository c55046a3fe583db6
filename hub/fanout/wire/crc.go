package wire

import "hash/crc32"

// A gzip member ends with the CRC-32 of everything in it (RFC 1952 2.3.1). Computing
// that for each client would read every event once for each client. Instead each
// fragment has its own CRC, and two CRCs are combined by arithmetic on polynomials over
// GF(2), modulo the polynomial of CRC-32, bits reflected: appending n bytes multiplies
// by x^(8n).

const polynomial = crc32.IEEE

// shiftPowers[k] is x^(2^k).
var shiftPowers = func() (powers [32]uint32) {
	power := uint32(1) << 30 // x^1, reflected
	for k := range powers {
		powers[k] = power
		power = multiply(power, power)
	}
	return powers
}()

// shiftFor returns the factor by which a CRC is multiplied when n bytes are appended:
// x^(8n). The exponents wrap around almost at bit 32, because x^(2^32-1) is 1. n is far
// below that.
func shiftFor(n int) uint32 {
	shift := uint32(1) << 31 // x^0
	for k := 3; n != 0; n, k = n>>1, k+1 {
		if n&1 != 0 {
			shift = multiply(shift, shiftPowers[k&31])
		}
	}
	return shift
}

// multiply returns a*b modulo the polynomial.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
			if a&(bit-1) == 0 {
				break
			}
		}
		if b&1 != 0 {
			b = b>>1 ^ polynomial
		} else {
			b >>= 1
		}
	}
	return product
}

// combine returns the CRC of two texts, one behind the other, from the CRC of each text
// and shiftFor of the length of the second one.
func combine(first, second, shift uint32) uint32 {
	return multiply(shift, first) ^ second
}
