internal import CKernels

/// Plain arithmetic on tensors, outside any recording.
extension Tensor {
    /// `a·x + b·y`, elementwise, on equal shapes.
    public static func combination(_ a: Float, _ x: Tensor, _ b: Float, _ y: Tensor) -> Tensor {
        precondition(x.count == y.count, "combining \(x.shape) and \(y.shape)")
        return Tensor(x.shape) { out in
            withExtendedLifetime((x, y)) {
                ck_linear_combination(a, x.storage.base, b, y.storage.base, out.baseAddress, x.count)
            }
        }
    }

    /// Elementwise sum.
    public static func + (x: Tensor, y: Tensor) -> Tensor { combination(1, x, 1, y) }

    /// Elementwise difference.
    public static func - (x: Tensor, y: Tensor) -> Tensor { combination(1, x, -1, y) }

    /// Every value times a number.
    public static func * (a: Float, x: Tensor) -> Tensor {
        Tensor(x.shape) { out in
            withExtendedLifetime(x) {
                ck_linear_combination(a, x.storage.base, 0, nil, out.baseAddress, x.count)
            }
        }
    }

    /// Every value passed through a function: for what is done once, not for hot loops.
    public func mapped(_ transform: (Float) -> Float) -> Tensor {
        Tensor(shape) { out in
            withUnsafeValues { x in
                for i in x.indices { out[i] = transform(x[i]) }
            }
        }
    }

    /// Inner product over all values, in double precision.
    public func dot(_ other: Tensor) -> Double {
        precondition(count == other.count, "inner product of \(shape) and \(other.shape)")
        return withUnsafeValues { x in
            other.withUnsafeValues { y in
                var sum = 0.0
                for i in x.indices { sum += Double(x[i]) * Double(y[i]) }
                return sum
            }
        }
    }

    /// 2-norm over all values, in double precision.
    public var norm: Double { dot(self).squareRoot() }

    /// Whether no value is NaN or infinite.
    public var isFinite: Bool { withUnsafeValues { $0.allSatisfy(\.isFinite) } }
}

/// The kernels' settings, one for the process.
public enum Kernels {
    /// Vector code paths, slowest first.
    public enum InstructionSet: UInt32, CaseIterable, Sendable, CustomStringConvertible {
        case portable = 0
        case avx2 = 1
        case avx512 = 2

        /// The name used in reports.
        public var description: String {
            switch self {
            case .portable: "portable"
            case .avx2: "AVX2"
            case .avx512: "AVX-512"
            }
        }
    }

    /// How many threads kernels use. Results do not depend on it.
    public static var threads: Int {
        get { Int(ck_threads()) }
        set { ck_set_threads(Int32(clamping: newValue)) }
    }

    /// The vector code path that this thread uses.
    public static var instructionSet: InstructionSet {
        InstructionSet(rawValue: UInt32(ck_current_isa().rawValue)) ?? .portable
    }

    /// Switches this thread to a vector code path; false when this CPU cannot run it.
    public static func select(_ set: InstructionSet) -> Bool {
        ck_select_isa(ck_isa(rawValue: set.rawValue)) == 0
    }

    /// FLOP/s that all threads reach in registers, f32: what no kernel can exceed. Takes about 0.3 s.
    public static func measurePeak() -> Double { 2 * ck_measure_peak() }

    /// Floating-point operations of all products, convolutions and attentions so far, as if done directly.
    public static var workDone: Double { ck_work_done() }
}
