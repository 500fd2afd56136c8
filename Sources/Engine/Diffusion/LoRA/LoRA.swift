import Foundation
import TensorCore

/// A linear layer of the U-Net that carries a LoRA.
public struct LoRASite: Sendable, Equatable {
    /// The layer's name in the checkpoint.
    public let name: String
    /// Width of its input.
    public let inputs: Int
    /// Width of its output.
    public let outputs: Int
}

/// A low-rank change of the U-Net's attention weights: W + scale·up·down at each site.
public struct LoRA: Sendable {
    /// Factors of one site.
    public struct Factors: Sendable {
        /// `(rank, in)`.
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
}

extension Linear {
    /// The layer with W + scale·up·down.
    func adding(_ factors: LoRA.Factors) -> Linear {
        let product = MatrixProduct().forward([factors.up, factors.down.transposed]).output
        return Linear(weight: .combination(1, weight.widened, factors.scale, product), bias: bias)
    }
}

/// LoRA files: the layouts diffusers has used.
///
///     unet.SITE.lora_A.weight / .lora_B.weight            peft
///     unet.SITE.lora.down.weight / .lora.up.weight        diffusers 0.2x
///     SITE with .processor.to_q_lora.down.weight          attention processors
extension LoRA {
    /// How a file names its tensors.
    public enum Layout: Sendable {
        /// `lora_A`, `lora_B`: what diffusers writes now.
        case peft
        /// `lora.down`, `lora.up`.
        case legacy
    }

    private static let marks: [(ending: String, isDown: Bool)] = [
        (".lora_A.weight", true), (".lora_B.weight", false), (".lora.down.weight", true),
        (".lora.up.weight", false),
        ("_lora.down.weight", true), ("_lora.up.weight", false),
    ]

    /// Reads a file for a U-Net with the given sites.
    ///
    /// - Throws: `model.file`, or `model.key_unknown` naming the key that fits no site.
    public init(path: String, sites known: [LoRASite]) throws(ModelError) {
        let file: SafeTensors
        do { file = try SafeTensors(path: path) } catch {
            throw ModelError(
                code: "model.file", message: error.message, hint: "Give a LoRA as a .safetensors file.")
        }
        var (down, up, alpha): ([String: Tensor], [String: Tensor], [String: Float]) = ([:], [:], [:])
        for key in file.entries.keys.sorted() {
            guard let tensor = file.tensor(key) else { continue }
            let name = key.hasPrefix("unet.") ? String(key.dropFirst(5)) : key
            if let mark = Self.marks.first(where: { name.hasSuffix($0.ending) }) {
                let site = Self.site(String(name.dropLast(mark.ending.count)))
                if mark.isDown { down[site] = tensor } else { up[site] = tensor }
            } else if name.hasSuffix(".alpha") {
                var site = String(name.dropLast(6))
                for ending in ["_lora", ".lora"] where site.hasSuffix(ending) {
                    site.removeLast(ending.count)
                }
                alpha[Self.site(site)] = tensor.scalar
            } else {
                throw Self.unknownKey(path, key)
            }
        }
        let sizes = Dictionary(uniqueKeysWithValues: known.map { ($0.name, $0) })
        var sites: [String: Factors] = [:]
        for (site, a) in down {
            guard let size = sizes[site] else { throw Self.unknownKey(path, site) }
            guard let b = up[site], a.shape.count == 2, b.shape.count == 2, a.shape[1] == size.inputs,
                b.shape == [size.outputs, a.shape[0]]
            else {
                throw ModelError(
                    code: "model.shape", message: "\(path): the factors of `\(site)` do not fit its layer",
                    hint: "The LoRA was made for another model.")
            }
            sites[site] = Factors(
                down: a, up: b, scale: (alpha[site] ?? Float(a.shape[0])) / Float(a.shape[0]))
        }
        for site in Array(up.keys) + Array(alpha.keys) where sites[site] == nil {
            throw Self.unknownKey(path, site)
        }
        self.init(sites: sites)
    }

    private static func site(_ name: String) -> String {
        let plain = name.replacingOccurrences(of: ".processor.", with: ".")
        return plain.hasSuffix(".to_out") ? plain + ".0" : plain
    }

    private static func unknownKey(_ path: String, _ key: String) -> ModelError {
        ModelError(
            code: "model.key_unknown", message: "\(path): `\(key)` fits no layer of this U-Net",
            hint: "Give a LoRA of the U-Net's attention layers, made for this model.")
    }

    /// The bytes of a file in the given layout.
    public func encoded(_ layout: Layout = .peft) -> [UInt8] {
        var tensors: [String: Tensor] = [:]
        for (site, factors) in sites {
            let up = factors.scale == 1 ? factors.up : factors.scale * factors.up
            tensors["unet.\(site).\(layout == .peft ? "lora_A" : "lora.down").weight"] = factors.down
            tensors["unet.\(site).\(layout == .peft ? "lora_B" : "lora.up").weight"] = up
        }
        return SafeTensors.encoded(tensors, metadata: ["format": "pt"])
    }
}
