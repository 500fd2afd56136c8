import CKernels
import Foundation
import KernelReferences
import TensorCore
import Testing
import TestSupport

/// The fast kernels beside their plain versions, on every vector path that this CPU can run.
@Suite(.serialized) struct KernelTests {
    private static let paths = Kernels.InstructionSet.allCases.filter {
        $0.rawValue <= ck_best_isa().rawValue
    }

    private func random(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SplitMix(state: seed)
        return generator.tensor([count]).values
    }

    private func stored(_ values: UnsafeRawBufferPointer, _ element: ck_element = CK_F32) -> ck_weight {
        ck_weight(data: values.baseAddress, element: element, up: nil, down: nil, rank: 0)
    }

    private func relativeError(_ x: [Float], _ y: [Float]) -> Double {
        let difference = zip(x, y).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
        return (difference / y.reduce(0.0) { $0 + Double($1) * Double($1) }).squareRoot()
    }

    /// Kernel, stride and padding, sides, channels in and out, samples; the last three are Winograd's.
    struct Shape: Sendable, CustomTestStringConvertible {
        var kernel, stride, height, width, into, out, samples: Int
        /// Large enough for Winograd (winograd.c).
        var isWinograd: Bool { kernel == 3 && height * width * samples > 3000 }
        var testDescription: String { "\(kernel)/\(stride) \(samples)x\(height)x\(width) \(into)->\(out)" }
    }

    static let shapes = [
        Shape(kernel: 1, stride: 1, height: 37, width: 22, into: 19, out: 33, samples: 2),
        Shape(kernel: 3, stride: 1, height: 37, width: 22, into: 19, out: 33, samples: 2),
        Shape(kernel: 3, stride: 2, height: 37, width: 22, into: 19, out: 33, samples: 2),
        Shape(kernel: 4, stride: 4, height: 37, width: 22, into: 19, out: 33, samples: 2),
        Shape(kernel: 1, stride: 1, height: 9, width: 13, into: 700, out: 70, samples: 1),
        Shape(kernel: 3, stride: 1, height: 5, width: 4, into: 130, out: 50, samples: 3),
        Shape(kernel: 16, stride: 16, height: 32, width: 48, into: 3, out: 20, samples: 1),
        Shape(kernel: 3, stride: 1, height: 57, width: 55, into: 64, out: 80, samples: 1),
        Shape(kernel: 3, stride: 1, height: 40, width: 41, into: 80, out: 64, samples: 2),
        Shape(kernel: 3, stride: 1, height: 56, width: 60, into: 96, out: 112, samples: 1),
    ]

    @Test(arguments: shapes)
    func `convolution and its transpose equal four nested loops`(_ shape: Shape) {
        let before = Kernels.instructionSet
        defer { _ = Kernels.select(before) }
        var errors: [(Kernels.InstructionSet, Double)] = []
        for convolution in convolutions(shape) {
            let plain = convolution.plain(rounding: { $0 })
            for path in Self.paths {
                #expect(Kernels.select(path))
                errors.append((path, relativeError(convolution.fast(), plain)))
            }
        }
        // Winograd's transforms cost a few bits: 2.1e-6 was measured.
        for (path, error) in errors { #expect(error < (shape.isWinograd ? 4e-6 : 1e-6), "\(path)") }
    }

    @Test(.enabled("this CPU does not compute in bf16") { computesInBF16 }, arguments: shapes)
    func `bf16 products equal four nested loops over factors rounded to bf16`(_ shape: Shape) {
        defer { _ = Kernels.select(.f32) }
        #expect(Kernels.select(.bf16))
        let rounded = { (values: [Float]) in
            var to = values
            ck_round_to_bf16(values, &to, values.count)
            return to
        }
        for convolution in convolutions(shape) {
            let fast = convolution.fast()
            // Winograd's way stays f32, as its transforms would lose what is left of the bits.
            let plain = convolution.plain(rounding: shape.isWinograd ? { $0 } : rounded)
            #expect(relativeError(fast, plain) < 4e-6)
            if shape.kernel == 1 {  // and it does round
                let error = relativeError(fast, convolution.plain(rounding: { $0 }))
                #expect(error > 1e-4 && error < 1e-2)
            }
        }
    }

    /// Whether this CPU computes in bf16.
    static let computesInBF16: Bool = {
        defer { _ = Kernels.select(.f32) }
        return Kernels.select(.bf16)
    }()

    /// A convolution, or its transpose, of random values: by the fast kernel and by nested loops.
    private struct ConvolutionCase {
        var parameters: ck_convolution
        var x, weight, bias: [Float]
        var outputCount: Int

        func fast() -> [Float] {
            var (p, y) = (parameters, [Float](repeating: 0, count: outputCount))
            weight.withUnsafeBytes {
                ck_convolve(
                    &p, x, ck_weight(data: $0.baseAddress, element: CK_F32, up: nil, down: nil, rank: 0),
                    bias, 1, &y)
            }
            return y
        }

        func plain(rounding: ([Float]) -> [Float]) -> [Float] {
            var (p, y) = (parameters, [Float](repeating: 0, count: outputCount))
            ck_convolve_reference(&p, rounding(x), rounding(weight), bias, 1, &y)
            return y
        }
    }

    /// A shape's convolution and, where the kernel has one, its transpose.
    private func convolutions(_ shape: Shape) -> [ConvolutionCase] {
        let pad = shape.kernel == 3 ? 1 : 0
        return ([0, 1] as [Int32]).filter { $0 == 0 || shape.stride == 1 }.map { transposed in
            let p = ck_convolution(
                samples: shape.samples, height: shape.height, width: shape.width, channels_in: shape.into,
                out_height: (shape.height + 2 * pad - shape.kernel) / shape.stride + 1,
                out_width: (shape.width + 2 * pad - shape.kernel) / shape.stride + 1,
                channels_out: shape.out, kernel_height: shape.kernel, kernel_width: shape.kernel,
                stride: shape.stride, dilation_in: 1, pad_top: pad, pad_left: pad, transposed: transposed)
            return ConvolutionCase(
                parameters: p,
                x: random(shape.samples * shape.height * shape.width * shape.into, seed: 1),
                weight: random(shape.kernel * shape.kernel * shape.into * shape.out, seed: 2),
                bias: random(shape.samples * shape.out, seed: 3),
                outputCount: shape.samples * p.out_height * p.out_width * shape.out)
        }
    }

    @Test(arguments: paths)
    func `every half is widened exactly`(_ path: Kernels.InstructionSet) {
        let before = Kernels.instructionSet
        defer { _ = Kernels.select(before) }
        #expect(Kernels.select(path))
        let halves = (0...65535).map { UInt16($0) }
        var wide = [Float](repeating: 0, count: halves.count)
        ck_widen_f16(halves, &wide, halves.count)
        for (half, found) in zip(halves, wide) {
            let expected = Float(Float16(bitPattern: half))
            #expect(found.bitPattern == expected.bitPattern || found.isNaN && expected.isNaN)
        }
        ck_widen_bf16(halves, &wide, halves.count)
        #expect(zip(halves, wide).allSatisfy { UInt32($0) << 16 == $1.bitPattern })
    }

    @Test(arguments: paths)
    func `half-precision weights give the same result as the same weights in f32`(
        _ path: Kernels.InstructionSet
    ) {
        let before = Kernels.instructionSet
        defer { _ = Kernels.select(before) }
        #expect(Kernels.select(path))
        let x = random(50 * 70, seed: 1)
        let bits = random(70 * 45, seed: 2).map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) & 0xbfff }
        for element in [CK_F16, CK_BF16] {
            var wide = [Float](repeating: 0, count: bits.count)
            var (y, plain) = ([Float](repeating: 0, count: 50 * 45), [Float](repeating: 1, count: 50 * 45))
            bits.withUnsafeBytes { raw in
                let halves = stored(raw, element)
                ck_widen_weight(halves, 0, bits.count, &wide)
                for transposed in [0, 1] as [Int32] {
                    ck_linear(x, halves, transposed, nil, &y, 50, 70, 45)
                    wide.withUnsafeBytes {
                        ck_linear(
                            x, stored($0), transposed, nil, &plain, 50,
                            70, 45)
                    }
                    #expect(y == plain && y.contains { $0 != 0 }, "\(path) \(element) \(transposed)")
                }
            }
        }
    }

    @Test(arguments: paths)
    func `a LoRA added while packing weights equals the sum of weights and LoRA`(
        _ path: Kernels.InstructionSet
    ) {
        let before = Kernels.instructionSet
        defer { _ = Kernels.select(before) }
        #expect(Kernels.select(path))
        let (into, out, rank) = (701, 45, 5)
        let (base, x) = (random(out * into, seed: 1), random(50 * into, seed: 2))
        let (up, down) = (random(out * rank, seed: 3), random(into * rank, seed: 4))
        let sum = (0..<out * into).map { i in
            base[i]
                + (0..<rank).reduce(0) { $0 + up[i / into * rank + $1] * down[i % into * rank + $1] }
        }
        // forwards x has rows of 701; as a cotangent, pulled back, of 45
        for (transposed, k, n) in [(0, into, out), (1, out, into)] as [(Int32, Int, Int)] {
            var (y, plain) = (
                [Float](repeating: 0, count: 50 * n), [Float](repeating: 1, count: 50 * n)
            )
            base.withUnsafeBytes { base in
                up.withUnsafeBufferPointer { up in
                    down.withUnsafeBufferPointer { down in
                        let changed = ck_weight(
                            data: base.baseAddress, element: CK_F32, up: up.baseAddress,
                            down: down.baseAddress, rank: rank)
                        ck_linear(x, changed, transposed, nil, &y, 50, k, n)
                    }
                }
            }
            sum.withUnsafeBytes { ck_linear(x, stored($0), transposed, nil, &plain, 50, k, n) }
            #expect(relativeError(y, plain) < 1e-6, "\(path), transposed \(transposed)")
        }
    }

    /// Within a tile and beyond it, in queries and keys; hidden keys, keys of one sample for all, odd and wide heads.
    static let attentions = [
        attention(samples: 2, heads: 3, queries: 131, keys: 300, width: 10),
        attention(samples: 2, heads: 3, queries: 131, keys: 300, width: 10, causal: 1),
        attention(samples: 3, sharedKeys: true, heads: 2, queries: 77, keys: 70, width: 33),
        attention(samples: 1, heads: 1, queries: 65, keys: 5, width: 7),
        attention(samples: 1, heads: 2, queries: 40, keys: 1000, width: 40),
        attention(samples: 1, heads: 1, queries: 70, keys: 127, width: 130),
    ]

    private static func attention(
        samples: Int, sharedKeys: Bool = false, heads: Int, queries: Int, keys: Int, width: Int,
        causal: Int32 = 0
    ) -> ck_attention {
        ck_attention(
            samples: samples, kv_samples: sharedKeys ? 1 : samples, heads: heads, queries: queries,
            keys: keys, head_width: width, scale: 1 / Float(width).squareRoot(), causal: causal)
    }

    @Test(arguments: paths)
    func `attention and its gradient equal the whole map in double precision`(
        _ path: Kernels.InstructionSet
    ) {
        let before = Kernels.instructionSet
        defer { _ = Kernels.select(before) }
        #expect(Kernels.select(path))
        for p in Self.attentions {
            for (name, error) in errors(p) { #expect(error < 2e-6, "\(path) \(name) of \(p)") }
        }
    }

    @Test(.enabled("this CPU does not compute in bf16") { computesInBF16 })
    func `attention in bf16 deviates no more than its rounded factors allow`() {
        defer { _ = Kernels.select(.f32) }
        #expect(Kernels.select(.bf16))
        for p in Self.attentions {
            // Half a unit in the last of 8 bits is 2e-3 of a factor; two or three roundings meet in a result.
            for (name, error) in errors(p) { #expect(error < 6e-3 && error > 1e-5, "\(name) of \(p)") }
        }
    }

    /// Relative errors of the output and, for two cotangents at once, of the gradients: all, and dq asked for alone.
    private func errors(_ shape: ck_attention) -> [(String, Double)] {
        var p = shape
        let channels = p.heads * p.head_width
        let (queries, keys) = (p.samples * p.queries * channels, p.kv_samples * p.keys * channels)
        let (q, k, v) = (random(queries, seed: 1), random(keys, seed: 2), random(keys, seed: 3))
        let dy = random(2 * queries, seed: 4)
        var (y, plain, logSum) = (q, q, [Float](repeating: 0, count: p.samples * p.heads * p.queries))
        ck_attend(&p, q, k, v, &y, &logSum)
        ck_attend_reference(&p, q, k, v, &plain)
        var (dq, dk, dv) = (dy, k + k, k + k)
        ck_attend_gradient(&p, q, k, v, y, logSum, dy, 2, &dq, &dk, &dv)
        var alone = dy
        ck_attend_gradient(&p, q, k, v, y, logSum, dy, 2, &alone, nil, nil)
        var (plainDQ, plainDK) = (dy.map { Double($0) }, (k + k).map { Double($0) })
        var plainDV = plainDK
        ck_attend_gradient_reference(&p, q, k, v, dy, 2, &plainDQ, &plainDK, &plainDV)
        return [
            ("y", relativeError(y, plain)), ("dq", relativeError(dq, plainDQ.map { Float($0) })),
            ("dq alone", relativeError(alone, plainDQ.map { Float($0) })),
            ("dk", relativeError(dk, plainDK.map { Float($0) })),
            ("dv", relativeError(dv, plainDV.map { Float($0) })),
        ]
    }

    @Test(arguments: paths)
    func `activations equal their formulas in double precision`(_ path: Kernels.InstructionSet) {
        let before = Kernels.instructionSet
        defer { _ = Kernels.select(before) }
        #expect(Kernels.select(path))
        let x = (0..<20001).map { Float($0 - 10000) / 700 }
        let formulas: [(ck_activation, (Double) -> Double)] = [
            (CK_SILU, { $0 / (1 + exp(-$0)) }), (CK_GELU, { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
            (CK_QUICK_GELU, { $0 / (1 + exp(-1.702 * $0)) }),
        ]
        for (kind, formula) in formulas {
            var (y, slope) = (x, x)
            let ones = [Float](repeating: 1, count: x.count)
            ck_activate(kind, x, &y, x.count)
            ck_activate_gradient(kind, x, ones, &slope, x.count, 1)
            for i in x.indices {
                let at = Double(x[i])
                #expect(abs(Double(y[i]) - formula(at)) <= 2e-6 * max(1, abs(at)), "\(path) \(kind) at \(at)")
                let expected = (formula(at + 1e-4) - formula(at - 1e-4)) / 2e-4
                #expect(abs(Double(slope[i]) - expected) <= 4e-6, "\(path) slope of \(kind) at \(at)")
            }
        }
    }

    @Test(arguments: paths)
    func `group norm keeps its precision far from zero`(_ path: Kernels.InstructionSet) {
        let before = Kernels.instructionSet
        defer { _ = Kernels.select(before) }
        #expect(Kernels.select(path))
        var generator = SplitMix(state: 5)
        let x = generator.tensor([1, 40, 9, 8]).mapped { 1000 + $0 }
        let ones = Tensor([8], repeating: 1)
        let norm = GroupNorm(gamma: ones, beta: .zeros([8]), groups: 2, epsilon: 1e-5)
        let y = norm.forward([x]).output
        let group = stride(from: 0, to: x.count, by: 8).flatMap { at in
            (0..<4).map { Double(x.values[at + $0]) }
        }
        let mean = group.reduce(0, +) / Double(group.count)
        let variance = group.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(group.count)
        for (i, value) in group.prefix(200).enumerated() {
            let found = Double(y.values[i / 4 * 8 + i % 4])
            #expect(abs(found - (value - mean) / (variance + 1e-5).squareRoot()) < 1e-3)
        }
    }

    @Test(arguments: Kernels.Precision.allCases.filter { $0 == .f32 || computesInBF16 })
    func `results have the same bytes for one thread and for several, and on a second run`(
        _ precision: Kernels.Precision
    ) {
        var generator = SplitMix(state: 9)
        let (x, picture) = (generator.tensor([2, 33, 31, 24]), generator.tensor([1, 56, 57, 64]))
        let (weight, wide) = (generator.tensor([40, 24, 3, 3]), generator.tensor([64, 64, 3, 3]))
        func convolution(_ weight: Tensor, _ x: Variable) -> Variable {
            apply(Convolution(ConvolutionParameters(weight: weight, bias: nil, padding: .all(1))), x)
        }
        func run(_ threads: Int) -> [Float] {
            Kernels.threads = threads
            let (input, large) = (Variable(trainable: x), Variable(trainable: picture))
            let norm = GroupNorm(
                gamma: Tensor([40], repeating: 1), beta: .zeros([40]), groups: 8, epsilon: 1e-5, silu: true)
            let t = apply(
                Reshape(sampleShape: [33 * 31, 40]), apply(norm, convolution(weight, input)))
            let a = apply(Attention(heads: 4), t, t, t)
            let winograd = convolution(wide, large)
            return a.value.values + gradients(of: [(a, a.value)], withRespectTo: [input])[0].values
                + winograd.value.values
                + gradients(of: [(winograd, winograd.value)], withRespectTo: [large])[0].values
        }
        let before = Kernels.threads
        defer {
            Kernels.threads = before
            _ = Kernels.select(.f32)
        }
        #expect(Kernels.select(precision))
        let one = run(1)
        for threads in [2, 3, 5, 2] { #expect(run(threads) == one, "\(threads) threads") }
    }
}
