import Foundation

extension SafeTensors {
    /// What a look at all values of a tensor found.
    public struct Content: Sendable, Equatable {
        /// The first value that is NaN or infinite, and its place; nil where all are finite.
        public let nonFinite: (place: Int, value: Float)?
        /// Whether all values are 0.
        public let isZero: Bool

        public static func == (a: Content, b: Content) -> Bool {
            a.isZero == b.isZero && a.nonFinite?.place == b.nonFinite?.place
        }
    }

    /// Looks at all values of a floating-point tensor as they are stored; nil for another type or where there is none.
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

    /// Values whose bits of the exponent are all set are NaN or infinite (IEEE 754).
    ///
    /// Whole blocks are looked at without a branch, so that gigabytes take seconds.
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

    /// Doubles, which are read as f32: what is too large for that becomes infinite.
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
