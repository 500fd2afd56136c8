import Failures
import Foundation
import TensorCore

/// The denoising network (UNet2DConditionModel of Stable Diffusion 1.x and 2.x):
///
///     t ─ sin/cos ─ linear ─ SiLU ─ linear ─ time (n, 4·w₀)
///     latent (n, h, w, 4) ─ conv_in ─┬─ down 0 ─┬─ down 1 ─ … ─ mid ─ … ─ up 1 ─ up 0' ─ norm·SiLU ─ conv_out ─ ε
///                                    └──────────┴── skips, concatenated ───┘
///
/// The config decides all sizes. Sides need not be even: an up block resizes to its skip connection's size.
public struct UNet: Sendable {
    /// The outputs of a pass.
    public struct Output {
        /// ε or the velocity, `(n, h, w, 4)`.
        public let noise: Variable
        /// Outputs of [mid, up0, up1, …], channels-last, at their own resolutions.
        public let blockFeatures: [Variable]
    }

    /// The latent's side for which the model was trained.
    public let sampleSize: Int
    /// Channels of the latent.
    public let latentChannels: Int
    /// Width of the text's states.
    let textWidth: Int
    /// Number of self-attention layers.
    public let selfAttentionLayerCount: Int
    /// Number of features in a pass's output: the middle block's and every up block's.
    public var blockFeatureCount: Int { up.count + 1 }
    /// Index of the last features with half of the latent's side.
    private var halfSizeFeature: Int { max(0, up.count - 2) }
    private var timeEmbedding: TimeEmbedding
    private var convIn, convOut: ConvolutionParameters
    private var down: [DownBlock] = []
    private var mid: MidBlock
    private var up: [UpBlock] = []
    private let normOut: GroupNorm

    init(_ config: ConfigFile, _ w: Weights) throws(Failure) {
        let shape = try UNetShape(config)
        sampleSize = shape.sampleSize
        latentChannels = shape.channels
        textWidth = shape.textWidth
        timeEmbedding = try TimeEmbedding(w["time_embedding"], shape)
        convIn = try w.convolution("conv_in", in: shape.channels, out: shape.widths[0])
        var layers = LayerCounter()
        for i in shape.widths.indices {
            down.append(try DownBlock(w["down_blocks.\(i)"], shape, level: i, &layers))
        }
        mid = try MidBlock(w["mid_block"], shape, &layers)
        for i in shape.widths.indices {
            up.append(try UpBlock(w["up_blocks.\(i)"], shape, index: i, &layers))
        }
        normOut = try w.groupNorm(
            "conv_norm_out", channels: shape.widths[0], groups: shape.groups, epsilon: shape.epsilon,
            silu: true)
        convOut = try w.convolution("conv_out", in: shape.widths[0], out: shape.channels)
        selfAttentionLayerCount = layers.next
    }

    /// Predicts the noise in latents.
    ///
    /// - Parameters:
    ///   - latent: `(n, h, w, 4)`, scaled.
    ///   - timesteps: one for each sample, or one for all.
    ///   - text: the prompt's states, `(1 or n, tokens, width)`.
    ///   - adapters: LoRA factors in training. (`merging` adds a trained LoRA to the network itself.)
    ///   - control: makes later samples read the first sample's keys and values.
    public func callAsFunction(
        _ latent: Variable, timesteps: [Timestep], text: Tensor, adapters: LoRAAdapters? = nil,
        control: ReferenceControl? = nil
    ) -> Output {
        let context = AttentionContext(text: Variable(text), adapters: adapters, control: control)
        // 1 time
        let time = timeEmbedding(timesteps, samples: latent.shape[0])
        // 2 in, down
        var x = apply(Convolution(convIn), latent)
        var skips = [x]
        for block in down { x = leavingBlock(block(x, time, context, &skips)) }
        // 3 mid
        x = leavingBlock(mid(x, time, context))
        var features = [x]
        // 4 up
        for block in up {
            if control?.part == .layout, features.count == halfSizeFeature + 1 { x = x.ofFirstSample }
            x = leavingBlock(block(x, time, context, &skips))
            features.append(x)
        }
        // 5 out
        return Output(noise: apply(Convolution(convOut), apply(normOut, x)), blockFeatures: features)
    }

    /// In a pass with gradients, releases the memory of weights that the block has read: what the pass keeps needs it.
    private func leavingBlock(_ x: Variable) -> Variable {
        x.requiresGradient ? apply(WeightRelease(), x) : x
    }

    /// The same network with a LoRA added into its weights.
    public func merging(_ lora: LoRA) -> UNet {
        var merged = self
        merged.forEachLinear { site, linear in
            guard let factors = lora.sites[site] else { return }
            linear = linear.adding(factors)
        }
        merged.forEachOtherLayer(
            LayerVisitor(
                linear: { site, linear in
                    if let factors = lora.sites[site] { linear = linear.adding(factors) }
                },
                convolution: { site, convolution in
                    if let factors = lora.sites[site] { convolution = convolution.adding(factors) }
                }))
        return merged
    }

    /// All layers that LoRA files may change: those of the transformers, then the residual blocks and the others.
    public var loraLayers: [LoRASite] {
        var found = linearSites
        var copy = self
        copy.forEachOtherLayer(
            LayerVisitor(
                linear: { found.append(LoRASite($0, $1)) }, convolution: { found.append(LoRASite($0, $1)) }))
        return found
    }

    /// Linear layers of the transformers, in execution order. Most LoRA files change these.
    public var linearSites: [LoRASite] {
        var found: [LoRASite] = []
        var copy = self
        copy.forEachLinear { found.append(LoRASite($0, $1)) }
        return found
    }

    /// Sites that fine-tuning trains: the attention layers' own, in execution order.
    public var loraSites: [LoRASite] {
        linearSites.filter { $0.name.contains(".attn1.") || $0.name.contains(".attn2.") }
    }

    private mutating func forEachOtherLayer(_ visit: LayerVisitor) {
        timeEmbedding.forEachLayer(visit)
        visit.convolution("conv_in", &convIn)
        for i in down.indices { down[i].forEachLayer(visit) }
        mid.forEachLayer(visit)
        for i in up.indices { up[i].forEachLayer(visit) }
        visit.convolution("conv_out", &convOut)
    }

    private mutating func forEachLinear(_ body: (String, inout Linear) -> Void) {
        for i in down.indices { down[i].forEachLinear(body) }
        mid.forEachLinear(body)
        for i in up.indices { up[i].forEachLinear(body) }
    }
}

/// The config's sizes, checked.
struct UNetShape {
    let sampleSize, channels, layersPerBlock, groups, textWidth: Int
    let widths, heads, transformerLayers: [Int]
    let downTypes, upTypes: [String]
    let epsilon: Float
    let flipsSinToCos: Bool
    let frequencyShift: Double
    var timeWidth: Int { 4 * widths[0] }

    init(_ config: ConfigFile) throws(Failure) {
        try config.checkClass(
            ["UNet2DConditionModel"], hint: "Use a Stable Diffusion 1.x or 2.x model.")
        try config.check(.unet)
        // A null here does not mean the default: it means a network without a middle block, or without norms.
        for key in ["mid_block_type", "norm_num_groups"] where config.isNull(key) {
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): `\(key)` is null, which is not supported",
                hint: "Use a Stable Diffusion 1.x or 2.x model.")
        }
        channels = try config.value("in_channels", default: 4)
        let outputs: Int = try config.value("out_channels", default: 4)
        guard channels == outputs else {
            throw Failure(
                .badModel, code: "model.unsupported",
                message:
                    "\(config.path): the U-Net takes \(channels) channels and gives \(outputs): an inpainting model",
                hint: "Use the base model of the same family (4 channels in, 4 out).")
        }
        sampleSize = try config.oneCount("sample_size", default: 64)
        widths = try config.counts("block_out_channels", default: [320, 640, 1280, 1280])
        layersPerBlock = try config.oneCount("layers_per_block", default: 2)
        groups = try config.value("norm_num_groups", default: 32)
        epsilon = try config.value("norm_eps", default: Float(1e-5))
        textWidth = try config.oneCount("cross_attention_dim", default: 1280)
        // diffusers calls the number of heads `attention_head_dim`.
        heads =
            config.isSet("num_attention_heads")
            ? try config.counts("num_attention_heads", default: [8])
            : try config.counts("attention_head_dim", default: [8])
        transformerLayers = try config.counts("transformer_layers_per_block", default: [1])
        downTypes = try config.value(
            "down_block_types",
            default: ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"])
        upTypes = try config.value(
            "up_block_types",
            default: ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"])
        // The stored shapes show whether the transformers' projections are linear or 1×1 convolutions.
        _ = try config.value("use_linear_projection", default: false)
        flipsSinToCos = try config.value("flip_sin_to_cos", default: true)
        frequencyShift = Double(try config.value("freq_shift", default: 0) as Int)
        let known = ["DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"]
        for type in downTypes + upTypes where !known.contains(type) {
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): blocks of type `\(type)` are not supported",
                hint: "Use a Stable Diffusion 1.x or 2.x model.")
        }
        guard downTypes.count == widths.count, upTypes.count == widths.count else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(config.path): the numbers of blocks and of widths differ",
                hint: "Copy the model again.")
        }
    }
}

/// Sinusoidal embedding of a timestep, through two linear layers. It includes the SiLU that every residual block would apply
/// first.
struct TimeEmbedding: Sendable {
    private var first, second: Linear
    private let width: Int
    private let flips: Bool
    private let shift: Double

    init(_ w: Weights, _ shape: UNetShape) throws(Failure) {
        width = shape.widths[0]
        flips = shape.flipsSinToCos
        shift = shape.frequencyShift
        first = try w.linear("linear_1", in: width, out: shape.timeWidth)
        second = try w.linear("linear_2", in: shape.timeWidth, out: shape.timeWidth)
    }

    /// `(samples, 4·w₀)`.
    func callAsFunction(_ timesteps: [Timestep], samples: Int) -> Tensor {
        precondition(
            timesteps.count == 1 || timesteps.count == samples,
            "\(timesteps.count) timesteps, \(samples) samples")
        let half = width / 2
        let rows = (0..<samples).flatMap { sample -> [Float] in
            let t = Float(timesteps[timesteps.count == 1 ? 0 : sample])
            let angles = (0..<half).map { i in
                t * Float(exp(Double(Float(-log(10000.0) * Double(i)) / Float(Double(half) - shift))))
            }
            let (sines, cosines) = (
                angles.map { Float(sin(Double($0))) }, angles.map { Float(cos(Double($0))) }
            )
            return flips ? cosines + sines : sines + cosines
        }
        let silu = Activation(.silu)
        let hidden = silu.forward([first.forward([Tensor([samples, width], rows)]).output]).output
        return silu.forward([second.forward([hidden]).output]).output
    }

    mutating func forEachLayer(_ visit: LayerVisitor) {
        visit.linear("time_embedding.linear_1", &first)
        visit.linear("time_embedding.linear_2", &second)
    }
}
