internal import CKernels

/// The kernels' settings: threads for the process, code path and precision for a thread.
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

    /// The number of threads that kernels use. Results do not depend on it.
    public static var threads: Int {
        get { Int(ck_threads()) }
        set { ck_set_threads(Int32(clamping: newValue)) }
    }

    /// The vector code path that this thread uses.
    public static var instructionSet: InstructionSet {
        InstructionSet(rawValue: UInt32(ck_current_isa().rawValue)) ?? .portable
    }

    /// The number format of products of activations and weights, and of attention's products. Norms, softmax and the optimiser
    /// always use f32.
    public enum Precision: String, CaseIterable, Sendable {
        case f32
        /// Factors rounded to bf16, sums in f32.
        case bf16
    }

    /// This thread's precision.
    public static var precision: Precision { ck_current_precision() == CK_COMPUTE_BF16 ? .bf16 : .f32 }

    /// Switches this thread to a precision and to the best code path; false where this CPU does not compute in it.
    public static func select(_ precision: Precision) -> Bool {
        ck_select_precision(precision == .bf16 ? CK_COMPUTE_BF16 : CK_COMPUTE_F32) == 0
    }

    /// FLOP/s of all threads on values in registers, in this thread's precision: an upper bound for every kernel. The
    /// measurement takes about 0.3 s.
    public static func measurePeak() -> Double { 2 * ck_measure_peak() }

    /// Floating-point operations of all products, convolutions and attentions so far, counted as if computed directly.
    public static var workDone: Double { ck_work_done() }
}
