import Foundation

extension SafeTensors {
    /// Facts about all values of a tensor.
    public struct Content: Sendable, Equatable {
        /// The first value that is NaN or infinite, and its place; nil where all are finite.
        public let nonFinite: (place: Int, value: Float)?
        /// Whether all values are 0.
        public let isZero: Bool

        public static func == (a: Content, b: Content) -> Bool {
            a.isZero == b.isZero && a.nonFinite?.place == b.nonFinite?.place
        }
    }

    /// Checks all values of a floating-point tensor in the type in which the file stores it; nil for another type or where
    /// there is none.
    public func content(_ key: String) -> Content? {
        guard let entry = entries[key] else { return nil }
        return withBytes(entry) { bytes in
            switch entry.dtype {
            case .f32: Self.look(bytes, UInt32.self, exponent: 0x7f80_0000) { Float(bitPattern: $0) }
            case .f16: Self.look(bytes, UInt16.self, exponent: 0x7c00) { $0 & 0x3ff == 0 ? .infinity : .nan }
            case .bf16:
                Self.look(bytes, UInt16.self, exponent: 0x7f80) { Float(bitPattern: UInt32($0) << 16) }
            case .f64:
                Self.look(bytes)
            default: nil
            }
        }
    }

    /// A value whose exponent has all bits set is NaN or infinite (IEEE 754).
    ///
    /// It checks a whole block without a branch, so that gigabytes take seconds.
    private static func look<Bits: FixedWidthInteger & UnsignedInteger>(
        _ bytes: UnsafeRawBufferPointer, _: Bits.Type, exponent: Bits, value: (Bits) -> Float
    ) -> Content {
        let size = MemoryLayout<Bits>.size
        let count = bytes.count / size
        var any: Bits = 0
        var block = 0
        while block < count {
            let end = min(block + 4096, count)
            var found = false
            for i in block..<end {
                let bits = bytes.loadUnaligned(fromByteOffset: i * size, as: Bits.self)
                any |= bits
                found = (bits & exponent == exponent) || found
            }
            if found {
                for i in block..<end {
                    let bits = bytes.loadUnaligned(fromByteOffset: i * size, as: Bits.self)
                    if bits & exponent == exponent {
                        return Content(nonFinite: (i, value(bits)), isZero: false)
                    }
                }
            }
            block = end
        }
        // −0 is 0 too: the sign is the highest bit.
        return Content(nonFinite: nil, isZero: any << 1 == 0)
    }

    /// Doubles become f32, so a value that is too large for f32 counts as infinite.
    private static func look(_ bytes: UnsafeRawBufferPointer) -> Content {
        var isZero = true
        for i in 0..<bytes.count / 8 {
            let value = Float(bytes.loadUnaligned(fromByteOffset: 8 * i, as: Double.self))
            guard value.isFinite else { return Content(nonFinite: (i, value), isZero: false) }
            isZero = isZero && value == 0
        }
        return Content(nonFinite: nil, isZero: isZero)
    }
}
