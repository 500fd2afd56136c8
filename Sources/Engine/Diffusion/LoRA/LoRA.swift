import Foundation
import TensorCore

/// A linear layer or a convolution that can carry a LoRA.
public struct LoRASite: Sendable, Hashable {
    /// The layer's name in the checkpoint.
    public let name: String
    /// Width of its input.
    public let inputs: Int
    /// Width of its output.
    public let outputs: Int
    /// Height and width of a convolution's kernel; empty for a linear layer.
    public let kernel: [Int]

    /// Whether it is a convolution.
    var isConvolution: Bool { !kernel.isEmpty }
}

extension LoRASite {
    /// A layer of the given name.
    init(_ name: String, _ linear: Linear) {
        self.init(name: name, inputs: linear.weight.shape[1], outputs: linear.weight.shape[0], kernel: [])
    }

    /// A convolution of the given name.
    init(_ name: String, _ convolution: ConvolutionParameters) {
        let shape = convolution.weight.shape
        self.init(name: name, inputs: shape[1], outputs: shape[0], kernel: Array(shape.suffix(2)))
    }
}

/// A low-rank change of layers' weights: W + scale·up·down at each site.
public struct LoRA: Sendable {
    /// Factors of one site.
    public struct Factors: Sendable {
        /// `(rank, in)`; of a convolution `(rank, in · kernel height · kernel width)`.
        public let down: Tensor
        /// `(out, rank)`.
        public let up: Tensor
        /// alpha/rank; 1 where a file says nothing.
        public let scale: Float

        /// Factors with a scale.
        public init(down: Tensor, up: Tensor, scale: Float = 1) {
            self.down = down
            self.up = up
            self.scale = scale
        }
    }

    /// Site name → factors.
    public let sites: [String: Factors]

    /// A LoRA of the given sites.
    public init(sites: [String: Factors]) { self.sites = sites }

    /// The same change times a factor.
    public func scaled(by scale: Float) -> LoRA {
        LoRA(sites: sites.mapValues { Factors(down: $0.down, up: $0.up, scale: scale * $0.scale) })
    }
}

extension Linear {
    /// The layer with W + scale·up·down.
    func adding(_ factors: LoRA.Factors) -> Linear {
        Linear(
            weight: weight.adding(up: factors.scale * factors.up, down: factors.down.transposed), bias: bias)
    }
}

extension ConvolutionParameters {
    /// The convolution with W + scale·up·down, computed at once and held in f32.
    func adding(_ factors: LoRA.Factors) -> ConvolutionParameters {
        let product = Linear(weight: factors.down.transposed, bias: nil).forward([factors.up]).output
        let sum = Tensor.combination(1, weight.widened, factors.scale, product.reshaped(weight.shape))
        return replacing(weight: StoredTensor(sum))
    }
}

/// Functions that get each layer of a network that a LoRA may change, and its name in the checkpoint.
struct LayerVisitor {
    let linear: (String, inout Linear) -> Void
    let convolution: (String, inout ConvolutionParameters) -> Void
}

extension LoRA {
    /// The bytes of a LoRA file in the layout of diffusers: `unet.SITE.lora_A.weight` and `unet.SITE.lora_B.weight`.
    public func encoded() -> [UInt8] {
        var tensors: [String: Tensor] = [:]
        for (site, factors) in sites {
            let up = factors.scale == 1 ? factors.up : factors.scale * factors.up
            tensors["unet.\(site).lora_A.weight"] = factors.down
            tensors["unet.\(site).lora_B.weight"] = up
        }
        return SafeTensors.encoded(tensors, metadata: ["format": "pt"])
    }
}
