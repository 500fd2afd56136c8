import Failures
import Foundation
import TensorCore

/// The autoencoder between pictures and latents (AutoencoderKL):
///
///     picture (n, H, W, 3) ─ conv_in ─ down blocks ─ mid ─ norm·SiLU ─ conv_out ─ quant ─ (mean, log variance)
///     latent (n, H/f, W/f, 4) ─ post_quant ─ conv_in ─ mid ─ up blocks ─ norm·SiLU ─ conv_out ─ picture
///
/// The config gives widths and depth; f = 2^(levels − 1).
public struct VAE: Sendable {
    /// The factor from the VAE's latents to the U-Net's (`scaling_factor`).
    public let scalingFactor: Float
    /// Pixels per latent cell.
    public let downFactor: Int
    /// Channels of a latent.
    public let latentChannels: Int
    private let encoder: VAEEncoder
    private let decoder: VAEDecoder
    private let quant, postQuant: ConvolutionParameters?

    init(_ config: ConfigFile, _ weights: Weights) throws(Failure) {
        try config.checkClass(
            ["AutoencoderKL"], hint: "Use the VAE of a Stable Diffusion 1.x or 2.x model (AutoencoderKL).")
        try config.check(.vae)
        let widths = try config.counts("block_out_channels", default: [64])
        for key in ["down_block_types", "up_block_types"] {
            guard let types = config.found(key) as? [Any], types.count != widths.count else { continue }
            throw Failure(
                .badModel, code: "model.config",
                message:
                    "\(config.path): `\(key)` has \(types.count) blocks, `block_out_channels` \(widths.count)",
                hint: "Copy the model again.")
        }
        let layers = try config.oneCount("layers_per_block", default: 1)
        let groups: Int = try config.value("norm_num_groups", default: 32)
        let channels = try config.count("latent_channels", default: 4)
        scalingFactor = try config.value("scaling_factor", default: Float(0.18215))
        latentChannels = channels
        downFactor = 1 << (widths.count - 1)
        let attends: Bool = try config.value("mid_block_add_attention", default: true)
        encoder = try VAEEncoder(
            weights["encoder"], widths: widths, layers: layers, groups: groups, latentChannels: channels,
            attends: attends)
        decoder = try VAEDecoder(
            weights["decoder"], widths: widths, layers: layers, groups: groups, latentChannels: channels,
            attends: attends)
        let usesQuant: Bool = try config.value("use_quant_conv", default: true)
        let usesPostQuant: Bool = try config.value("use_post_quant_conv", default: true)
        quant =
            usesQuant
            ? try weights.convolution("quant_conv", in: 2 * channels, out: 2 * channels, kernel: 1) : nil
        postQuant =
            usesPostQuant
            ? try weights.convolution("post_quant_conv", in: channels, out: channels, kernel: 1) : nil
    }

    /// The posterior of an image.
    ///
    /// - Parameter image: `(n, H, W, 3)` in [−1, 1].
    /// - Returns: mean and standard deviation exp(½·clamp(log variance, −30, 20)), both `(n, H/f, W/f, 4)`, unscaled.
    public func encode(_ image: Tensor) -> (mean: Tensor, deviation: Tensor) {
        var moments = encoder(Variable(image))
        if let quant { moments = apply(Convolution(quant), moments) }
        let mean = apply(Slice(axis: 3, 0..<latentChannels), moments).value
        let logVariance = apply(Slice(axis: 3, latentChannels..<2 * latentChannels), moments).value
        return (mean, logVariance.mapped { Float(exp(Double(0.5 * min(max($0, -30), 20)))) })
    }

    /// The picture of an unscaled latent `(n, h, w, 4)`: about [−1, 1], not clamped.
    public func decode(_ latent: Variable) -> Variable {
        decoder(postQuant.map { apply(Convolution($0), latent) } ?? latent)
    }
}

/// conv_in ─ for each level: resnets, downsampling ─ mid ─ norm·SiLU ─ conv_out.
private struct VAEEncoder: Sendable {
    private struct Level: Sendable {
        var resnets: [ResnetBlock] = []
        var downsampler: ConvolutionParameters?
    }

    private let convIn, convOut: ConvolutionParameters
    private var levels: [Level] = []
    private let mid: VAEMidBlock
    private let normOut: GroupNorm

    init(
        _ w: Weights, widths: [Int], layers: Int, groups: Int, latentChannels: Int, attends: Bool
    ) throws(Failure) {
        convIn = try w.convolution("conv_in", in: 3, out: widths[0])
        var width = widths[0]
        for (i, output) in widths.enumerated() {
            let block = w["down_blocks.\(i)"]
            var level = Level()
            for j in 0..<layers {
                level.resnets.append(
                    try ResnetBlock(
                        block["resnets.\(j)"], in: j == 0 ? width : output, out: output, timeWidth: nil,
                        groups: groups, epsilon: 1e-6))
            }
            width = output
            if i < widths.count - 1 {
                level.downsampler = try block.convolution(
                    "downsamplers.0.conv", in: output, out: output, stride: 2, padding: .bottomRight)
            }
            levels.append(level)
        }
        mid = try VAEMidBlock(w["mid_block"], channels: width, groups: groups, attends: attends)
        normOut = try w.groupNorm("conv_norm_out", channels: width, groups: groups, epsilon: 1e-6, silu: true)
        convOut = try w.convolution("conv_out", in: width, out: 2 * latentChannels)
    }

    func callAsFunction(_ image: Variable) -> Variable {
        var x = apply(Convolution(convIn), image)
        for level in levels {
            for resnet in level.resnets { x = resnet(x) }
            if let downsampler = level.downsampler { x = apply(Convolution(downsampler), x) }
        }
        return apply(Convolution(convOut), apply(normOut, mid(x)))
    }
}

/// conv_in ─ mid ─ for each level: upsampling (except the first), resnets ─ norm·SiLU ─ conv_out.
///
/// At 512×512 pixels the resnets of a pass with gradients would keep 2 GB, so the large ones compute half of it again.
private struct VAEDecoder: Sendable {
    private struct Level: Sendable {
        var upsampler: Upsampler?
        var resnets: [ResnetBlock] = []
    }

    private let convIn, convOut: ConvolutionParameters
    private var levels: [Level] = []
    private let mid: VAEMidBlock
    private let normOut: GroupNorm

    init(
        _ w: Weights, widths: [Int], layers: Int, groups: Int, latentChannels: Int, attends: Bool
    ) throws(Failure) {
        var width = widths[widths.count - 1]
        convIn = try w.convolution("conv_in", in: latentChannels, out: width)
        mid = try VAEMidBlock(w["mid_block"], channels: width, groups: groups, attends: attends)
        for (i, output) in widths.reversed().enumerated() {
            var level = Level()
            if i > 0 {  // checkpoints keep an upsampler with the level that it leaves
                level.upsampler = try Upsampler(w["up_blocks.\(i - 1).upsamplers.0"], channels: width)
            }
            for j in 0...layers {
                level.resnets.append(
                    try ResnetBlock(
                        w["up_blocks.\(i).resnets.\(j)"], in: j == 0 ? width : output, out: output,
                        timeWidth: nil, groups: groups, epsilon: 1e-6, recomputes: true))
            }
            width = output
            levels.append(level)
        }
        normOut = try w.groupNorm("conv_norm_out", channels: width, groups: groups, epsilon: 1e-6, silu: true)
        convOut = try w.convolution("conv_out", in: width, out: 3)
    }

    func callAsFunction(_ latent: Variable) -> Variable {
        var x = mid(apply(Convolution(convIn), latent))
        for level in levels {
            if let upsampler = level.upsampler {
                x = upsampler(x, height: 2 * x.shape[1], width: 2 * x.shape[2])
            }
            for resnet in level.resnets { x = resnet(x) }
        }
        return apply(Convolution(convOut), apply(normOut, x))
    }
}

/// resnet ─ attention over all cells, one head ─ resnet.
private struct VAEMidBlock: Sendable {
    private let first, second: ResnetBlock
    private let attention: VAEAttention?

    init(_ w: Weights, channels: Int, groups: Int, attends: Bool) throws(Failure) {
        func resnet(_ i: Int) throws(Failure) -> ResnetBlock {
            try ResnetBlock(
                w["resnets.\(i)"], in: channels, out: channels, timeWidth: nil, groups: groups, epsilon: 1e-6)
        }
        first = try resnet(0)
        attention = attends ? try VAEAttention(w["attentions.0"], channels: channels, groups: groups) : nil
        second = try resnet(1)
    }

    func callAsFunction(_ x: Variable) -> Variable {
        let h = first(x)
        return second(attention.map { $0(h) } ?? h)
    }
}

/// norm ─ q, k, v ─ attention ─ out ─ (+). Older files call the layers `query key value proj_attn`.
private struct VAEAttention: Sendable {
    private let norm: GroupNorm
    private let q, k, v, out: Linear

    init(_ w: Weights, channels: Int, groups: Int) throws(Failure) {
        norm = try w.groupNorm("group_norm", channels: channels, groups: groups, epsilon: 1e-6, silu: false)
        let old = w.has("query.weight")
        let names = old ? ["query", "key", "value", "proj_attn"] : ["to_q", "to_k", "to_v", "to_out.0"]
        q = try w.linear(names[0], in: channels, out: channels)
        k = try w.linear(names[1], in: channels, out: channels)
        v = try w.linear(names[2], in: channels, out: channels)
        out = try w.linear(names[3], in: channels, out: channels)
    }

    func callAsFunction(_ x: Variable) -> Variable {
        let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
        let tokens = apply(Reshape(sampleShape: [height * width, channels]), apply(norm, x))
        let y = apply(out, apply(Attention(heads: 1), apply(q, tokens), apply(k, tokens), apply(v, tokens)))
        return apply(LinearCombination(1, 1), x, apply(Reshape(sampleShape: [height, width, channels]), y))
    }
}
