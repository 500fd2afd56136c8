import Failures
import TensorCore

/// Numbers self-attention layers in execution order.
struct LayerCounter {
    private(set) var next = 0

    mutating func take() -> Int {
        defer { next += 1 }
        return next
    }
}

/// (resnet ─ transformer)ⁿ ─ downsampling. Every result is also a skip connection.
struct DownBlock: Sendable {
    private let path: String
    private var resnets: [ResnetBlock] = []
    private var transformers: [Transformer] = []
    private var downsampler: ConvolutionParameters?

    init(_ w: Weights, _ shape: UNetShape, level: Int, _ layers: inout LayerCounter) throws(Failure) {
        path = w.path
        let width = shape.widths[level]
        for j in 0..<shape.layersPerBlock {
            let input = j > 0 ? width : shape.widths[max(level - 1, 0)]
            resnets.append(
                try ResnetBlock(
                    w["resnets.\(j)"], in: input, out: width, timeWidth: shape.timeWidth,
                    groups: shape.groups,
                    epsilon: shape.epsilon))
            if shape.downTypes[level] == "CrossAttnDownBlock2D" {
                transformers.append(try Transformer(w["attentions.\(j)"], shape, level: level, &layers))
            }
        }
        if level < shape.widths.count - 1 {
            downsampler = try w.convolution("downsamplers.0.conv", in: width, out: width, stride: 2)
        }
    }

    func callAsFunction(
        _ input: Variable, _ time: Tensor, _ context: AttentionContext, _ skips: inout [Variable]
    ) -> Variable {
        var x = input
        for (j, resnet) in resnets.enumerated() {
            x = resnet(x, time: time)
            if !transformers.isEmpty { x = transformers[j](x, context) }
            skips.append(x)
        }
        if let downsampler {
            x = apply(Convolution(downsampler), x)
            skips.append(x)
        }
        return x
    }

    mutating func forEachLinear(_ body: (String, inout Linear) -> Void) {
        for i in transformers.indices { transformers[i].forEachLinear(body) }
    }

    /// Visits the layers outside the transformers that a LoRA may change.
    mutating func forEachLayer(_ visit: LayerVisitor) {
        for i in resnets.indices { resnets[i].forEachLayer(visit) }
        if var convolution = downsampler {
            visit.convolution("\(path).downsamplers.0.conv", &convolution)
            downsampler = convolution
        }
    }
}

/// resnet ─ transformer ─ resnet.
struct MidBlock: Sendable {
    private var first, second: ResnetBlock
    private var transformer: Transformer

    init(_ w: Weights, _ shape: UNetShape, _ layers: inout LayerCounter) throws(Failure) {
        let level = shape.widths.count - 1
        let width = shape.widths[level]
        func resnet(_ i: Int) throws(Failure) -> ResnetBlock {
            try ResnetBlock(
                w["resnets.\(i)"], in: width, out: width, timeWidth: shape.timeWidth, groups: shape.groups,
                epsilon: shape.epsilon)
        }
        first = try resnet(0)
        transformer = try Transformer(w["attentions.0"], shape, level: level, &layers)
        second = try resnet(1)
    }

    func callAsFunction(_ x: Variable, _ time: Tensor, _ context: AttentionContext) -> Variable {
        second(transformer(first(x, time: time), context), time: time)
    }

    mutating func forEachLinear(_ body: (String, inout Linear) -> Void) { transformer.forEachLinear(body) }

    /// Visits the layers outside the transformer that a LoRA may change.
    mutating func forEachLayer(_ visit: LayerVisitor) {
        first.forEachLayer(visit)
        second.forEachLayer(visit)
    }
}

/// (concatenate a skip ─ resnet ─ transformer)ⁿ⁺¹ ─ upsampling to the next skip's size.
struct UpBlock: Sendable {
    private var resnets: [ResnetBlock] = []
    private var transformers: [Transformer] = []
    private var upsampler: Upsampler?

    /// - Parameter index: 0 for the coarsest.
    init(_ w: Weights, _ shape: UNetShape, index: Int, _ layers: inout LayerCounter) throws(Failure) {
        let level = shape.widths.count - 1 - index
        let width = shape.widths[level]
        let before = shape.widths[min(level + 1, shape.widths.count - 1)]
        let below = shape.widths[max(level - 1, 0)]
        for j in 0...shape.layersPerBlock {
            let skip = j == shape.layersPerBlock ? below : width
            resnets.append(
                try ResnetBlock(
                    w["resnets.\(j)"], in: (j == 0 ? before : width) + skip, out: width,
                    timeWidth: shape.timeWidth, groups: shape.groups, epsilon: shape.epsilon))
            if shape.upTypes[index] == "CrossAttnUpBlock2D" {
                transformers.append(try Transformer(w["attentions.\(j)"], shape, level: level, &layers))
            }
        }
        if level > 0 { upsampler = try Upsampler(w["upsamplers.0"], channels: width) }
    }

    func callAsFunction(
        _ input: Variable, _ time: Tensor, _ context: AttentionContext, _ skips: inout [Variable]
    ) -> Variable {
        var x = input
        for (j, resnet) in resnets.enumerated() {
            x = resnet(apply(Concatenate(axis: 3), x, skips.removeLast()), time: time)
            if !transformers.isEmpty { x = transformers[j](x, context) }
        }
        if let upsampler, let next = skips.last {
            x = upsampler(x, height: next.shape[1], width: next.shape[2])
        }
        return x
    }

    mutating func forEachLinear(_ body: (String, inout Linear) -> Void) {
        for i in transformers.indices { transformers[i].forEachLinear(body) }
    }

    /// Visits the layers outside the transformers that a LoRA may change.
    mutating func forEachLayer(_ visit: LayerVisitor) {
        for i in resnets.indices { resnets[i].forEachLayer(visit) }
        upsampler?.forEachLayer(visit)
    }
}
