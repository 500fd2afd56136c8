import Foundation
import TensorCore
import Testing
import TestSupport

/// Every primitive and its pull-backs against PyTorch: rel 1e-5 (fixtures README).
@Suite struct PrimitiveParityTests {
    private static let tolerance = 1e-5

    /// How a fixture's layout differs from ours.
    private enum Layout {
        /// (n, c, h, w) there, channels-last here.
        case image
        /// (n, heads, tokens, width) there, (n, tokens, heads·width) here.
        case heads
        case same

        func read(_ t: Tensor) -> Tensor {
            switch self {
            case .image where t.shape.count == 4: return t.channelsLast
            case .heads:
                let (n, heads, tokens, width) = (t.shape[0], t.shape[1], t.shape[2], t.shape[3])
                let merged = t.channelsLast  // (n, tokens, width, heads)
                return Tensor([n, tokens, heads * width]) { out in
                    merged.withUnsafeValues { x in
                        for row in 0..<n * tokens {
                            for h in 0..<heads {
                                for d in 0..<width {
                                    out[(row * heads + h) * width + d] = x[(row * width + d) * heads + h]
                                }
                            }
                        }
                    }
                }
            default: return t
            }
        }
    }

    private func check(
        _ name: String, _ layout: Layout, inputs count: Int = 1,
        _ make: (SafeTensors) throws -> any TensorCore.Operation
    ) throws {
        let file = try Fixtures.tensors("primitives.safetensors")
        let operation = try make(file)
        let inputs = try (0..<count).map {
            Variable(trainable: layout.read(try file.required("\(name).in\($0)")))
        }
        let output = apply(operation, to: inputs)
        #expect(
            relativeError(output.value, layout.read(try file.required("\(name).out"))) < Self.tolerance,
            "\(name)")
        let cotangent = layout.read(try file.required("\(name).cotangent"))
        let pulled = gradients(of: [(output, cotangent)], withRespectTo: inputs)
        for (i, gradient) in pulled.enumerated() {
            let expected = layout.read(try file.required("\(name).vjp\(i)"))
            #expect(relativeError(gradient, expected) < Self.tolerance, "\(name), input \(i)")
        }
    }

    @Test(arguments: [
        ("conv1x1", 1, ConvolutionParameters.Padding.all(0)), ("conv3x3", 1, .all(1)),
        ("conv3x3_stride2_unet", 2, .all(1)), ("conv3x3_stride2_vae", 2, .bottomRight),
        ("conv_patch4_nobias", 4, .all(0)),
    ])
    func convolution(_ name: String, _ stride: Int, _ padding: ConvolutionParameters.Padding) throws {
        func parameters(_ file: SafeTensors) throws -> ConvolutionParameters {
            ConvolutionParameters(
                weight: try file.required("\(name).in1"), bias: file.tensor("\(name).in2"), stride: stride,
                padding: padding)
        }
        try check(name, .image) { Convolution(try parameters($0)) }
        let file = try Fixtures.tensors("primitives.safetensors")
        let (dWeight, dBias) = Convolution(try parameters(file)).parameterVJP(
            try file.image("\(name).cotangent"), input: try file.image("\(name).in0"))
        let expected = try file.required("\(name).vjp1")
        #expect(relativeError(dWeight, expected) < Self.tolerance)
        if let bias = file.tensor("\(name).vjp2") { #expect(relativeError(dBias, bias) < Self.tolerance) }
    }

    @Test func linear() throws {
        func make(_ file: SafeTensors) throws -> Linear {
            Linear(weight: try file.required("linear.in1"), bias: try file.required("linear.in2"))
        }
        try check("linear", .same) { try make($0) }
        let file = try Fixtures.tensors("primitives.safetensors")
        let (x, dy) = (try file.required("linear.in0"), try file.required("linear.cotangent"))
        let (dWeight, dBias) = try make(file).parameterVJP(dy, input: x)
        #expect(relativeError(dWeight, try file.required("linear.vjp1")) < Self.tolerance)
        #expect(relativeError(dBias, try file.required("linear.vjp2")) < Self.tolerance)
        // the same product by a change of full rank of weights that are zero
        let (input, up) = (Variable(trainable: x), Variable(trainable: try file.required("linear.in1")))
        let width = x.shape[x.shape.count - 1]
        let identity = Tensor([width, width], (0..<width * width).map { $0 % (width + 1) == 0 ? 1 : 0 })
        let none = Linear(weight: .zeros(up.shape), bias: nil)
        let y = apply(AdaptedLinear(none, scale: 1), input, Variable(identity), up)
        let pulled = gradients(of: [(y, dy)], withRespectTo: [input, up])
        #expect(relativeError(pulled[0], try file.required("linear.vjp0")) < Self.tolerance)
        #expect(relativeError(pulled[1], try file.required("linear.vjp1")) < Self.tolerance)
    }

    @Test(arguments: [("group_norm_4_eps1e-5", Float(1e-5)), ("group_norm_4_eps1e-6", 1e-6)])
    func `group norm`(_ name: String, _ epsilon: Float) throws {
        func make(_ file: SafeTensors) throws -> GroupNorm {
            GroupNorm(
                gamma: try file.required("\(name).in1"), beta: try file.required("\(name).in2"), groups: 4,
                epsilon: epsilon)
        }
        try check(name, .image) { try make($0) }
        let file = try Fixtures.tensors("primitives.safetensors")
        let norm = try make(file)
        let saved = norm.forward([try file.image("\(name).in0")]).saved
        let (dGamma, dBeta) = norm.parameterVJP(try file.image("\(name).cotangent"), saved: saved)
        #expect(relativeError(dGamma, try file.required("\(name).vjp1")) < Self.tolerance)
        #expect(relativeError(dBeta, try file.required("\(name).vjp2")) < Self.tolerance)
    }

    @Test func `layer norm`() throws {
        let name = "layer_norm_eps1e-5"
        func make(_ file: SafeTensors) throws -> LayerNorm {
            LayerNorm(
                gamma: try file.required("\(name).in1"), beta: try file.required("\(name).in2"), epsilon: 1e-5
            )
        }
        try check(name, .same) { try make($0) }
        let file = try Fixtures.tensors("primitives.safetensors")
        let norm = try make(file)
        let saved = norm.forward([try file.required("\(name).in0")]).saved
        let (dGamma, dBeta) = norm.parameterVJP(try file.required("\(name).cotangent"), saved: saved)
        #expect(relativeError(dGamma, try file.required("\(name).vjp1")) < Self.tolerance)
        #expect(relativeError(dBeta, try file.required("\(name).vjp2")) < Self.tolerance)
    }

    @Test func `activations and clamp`() throws {
        try check("silu", .same) { _ in Activation(.silu) }
        try check("gelu_erf", .same) { _ in Activation(.gelu) }
        try check("quick_gelu", .same) { _ in Activation(.quickGELU) }
        try check("geglu", .same) { _ in GEGLU() }
        try check("clamp01", .same) { _ in Clamp(0, 1) }
    }

    @Test func attention() throws {
        try check("attention", .heads, inputs: 3) { _ in Attention(heads: 2) }
        try check("attention_cross", .heads, inputs: 3) { _ in Attention(heads: 3) }
        try check("attention_causal", .heads, inputs: 3) { _ in Attention(heads: 2, isCausal: true) }
    }

    @Test func resizing() throws {
        try check("nearest_x2", .image) { _ in Resize(height: 8, width: 10, .nearest) }
        try check("nearest_6x7_to_11x13", .image) { _ in Resize(height: 11, width: 13, .nearest) }
        try check("bilinear_11x13_to_44x52", .image) { _ in Resize(height: 44, width: 52, .bilinear) }
        try check("bilinear_9x8_to_5x11", .image) { _ in Resize(height: 5, width: 11, .bilinear) }
        try check("area_10x13_to_4x5", .image) { _ in Resize(height: 4, width: 5, .area) }
        try check("clip_resize_7x13_to_9", .image) { _ in Resize(height: 9, width: 9, .areaOrBilinear) }
    }

    @Test func concatenation() throws {
        try check("concatenate", .image, inputs: 2) { _ in Concatenate(axis: 3) }
    }

    @Test func losses() throws {
        let file = try Fixtures.tensors("primitives.safetensors")
        let cosine = cosineSimilarity(try file.required("cosine.in0"), try file.required("cosine.in1"))
        let slope = try file.required("cosine.cotangent").scalar
        #expect(abs(cosine.value - Double(try file.required("cosine.out").scalar)) < Self.tolerance)
        #expect(relativeError(slope * cosine.dx, try file.required("cosine.vjp0")) < Self.tolerance)
        #expect(relativeError(slope * cosine.dy, try file.required("cosine.vjp1")) < Self.tolerance)
    }
}
