import Diffusion
import Digests
import DragEditing
import JSON
import JobFiles
import Settings
import TensorCore

/// All that decides the result of fine-tuning: the decoded picture, P_o, the model's files, the seed, the settings of the
/// LoRA, and the kernels, whose last bits differ between CPUs.
struct FineTuningKey: Record {
    static let schema = "clipdrag-fine-tuning-key/1"

    /// `ModelIdentity.content`.
    let model: String
    /// The instruction set and the precision of products.
    let kernels, precision: String
    /// The picture's size in pixels.
    let width, height: Int
    /// SHA-256 of its samples.
    let image: String
    /// P_o.
    let prompt: String
    /// The seed, as text: it can be larger than a JSON number holds.
    let seed: String
    /// SHA-256 of the LoRAs that the edit was given; nil where there are none.
    let lora: String?
    /// The settings of the group `lora`, by name.
    let settings: OrderedFields<SettingValue>

    /// - Parameter textLoRA: what a LoRA file has added to the text encoder.
    init(_ request: EditRequest, _ identity: ModelIdentity, _ textLoRA: LoRA?) {
        model = identity.content
        kernels = Kernels.instructionSet.description
        precision = Kernels.precision.rawValue
        (width, height) = (request.size.width, request.size.height)
        image = Digest.sha256(request.image.withUnsafeValues { [UInt8](UnsafeRawBufferPointer($0)) })
        prompt = request.sourcePrompt
        seed = String(request.seed)
        let loras = [request.lora, textLoRA].compactMap { $0 }.filter { !$0.sites.isEmpty }
        lora = loras.isEmpty ? nil : Digest.sha256(loras.map { $0.encoded() })
        settings = request.settings.fields { $0.hasPrefix("lora.") }
    }
}

/// All that decides the result of inversion.
struct InversionKey: Record {
    static let schema = "clipdrag-inversion-key/1"

    /// The digest of fine-tuning's key.
    let fineTuning: String
    /// The settings of inversion, by name.
    let settings: OrderedFields<SettingValue>

    enum CodingKeys: String, CodingKey {
        case fineTuning = "fine_tuning"
        case settings
    }

    init(_ request: EditRequest, fineTuning: FineTuningKey) {
        self.fineTuning = fineTuning.digest
        settings = request.settings.fields { ["num_steps", "inversion_strength"].contains($0) }
    }
}

/// All that decides the sampled edit.
struct SampledKey: Record {
    static let schema = "clipdrag-sampled-key/1"

    /// The digest of inversion's key.
    let inversion: String
    /// The drag method's name.
    let method: String
    /// P_e; nil where there is none.
    let edit: String?
    /// SHA-256 of the texts that P_e is compared with; nil where there is no P_e.
    let others: String?
    /// Handle point and target point of each drag: x, y, x, y in the region's pixels.
    let drags: [[Double]]
    /// SHA-256 of each drag's regions; nil for a drag of points.
    let regions: [String?]
    /// SHA-256 of the mask; nil where there is none.
    let mask: String?
    /// The program's version: another one may edit differently.
    let version: String
    /// All settings but the budget, by name.
    let settings: OrderedFields<SettingValue>

    init(_ request: EditRequest, inversion: InversionKey) {
        self.inversion = inversion.digest
        method = request.method.name
        edit = request.editPrompt
        others = request.editPrompt.map { _ in
            Digest.sha256(Array(request.otherTexts.joined(separator: "\n").utf8))
        }
        drags = request.drags.map { [$0.handle.x, $0.handle.y, $0.target.x, $0.target.y] }
        func digest(_ mask: EditMask) -> String { Digest.sha256(mask.values.map { $0 ? 1 : 0 }) }
        regions = request.drags.map { $0.regions.map { "\(digest($0.from)) \(digest($0.to))" } }
        mask = request.mask.map(digest)
        version = Version.current
        settings = request.settings.fields { $0 != "budget" }
    }
}

extension Record {
    /// SHA-256 of the record on one line: a cache entry that the record decides has it as its key.
    var digest: String { Digest.sha256(Array(oneLine.utf8)) }
}

extension EditSettings {
    fileprivate func fields(_ isWanted: (String) -> Bool) -> OrderedFields<SettingValue> {
        OrderedFields(values.filter { isWanted($0.name) }.map { ($0.name, $0.value) })
    }
}
