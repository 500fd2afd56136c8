import Failures
import Foundation
import Synchronization
import TensorCore

/// A network's tensors by the names of diffusers and transformers: `weights["mid_block"]["resnets.0"]`. For a checkpoint in
/// the original layout, its `CheckpointNames` translate them.
///
/// The weights remember what was read, so that `finish()` can name every key that no network has read.
public struct Weights: Sendable {
    private final class Source: Sendable {
        /// nil for synthetic weights.
        let contents: TensorFiles?
        /// nil where the file uses diffusers' and transformers' names itself.
        let names: CheckpointNames?
        let read = Mutex<Set<String>>([])
        init(_ contents: TensorFiles?, _ names: CheckpointNames? = nil) {
            self.contents = contents
            self.names = names
        }
        var path: String { contents?.path ?? "synthetic weights" }

        func place(_ name: String) -> CheckpointNames.Place {
            // A name without a counterpart stays as it is, so that messages name it.
            names.map { $0.place(name) ?? .init(key: name) } ?? .init(key: name)
        }
    }

    private let source: Source
    private let prefix: String

    /// The tensors of a network's files.
    init(_ files: TensorFiles, names: CheckpointNames? = nil) {
        source = Source(files, names)
        prefix = ""
    }

    /// Random weights of any name and shape, for measurements at sizes whose checkpoints are not at hand.
    static var synthetic: Weights { Weights(source: Source(nil), prefix: "") }

    private init(source: Source, prefix: String) {
        self.source = source
        self.prefix = prefix
    }

    /// The tensors whose names begin with `name.`.
    public subscript(_ name: String) -> Weights { Weights(source: source, prefix: "\(prefix)\(name).") }

    /// The name that all tensors here begin with, without its last dot.
    public var path: String { String(prefix.dropLast()) }

    /// The file itself, for messages.
    public var file: String { source.path }

    /// Whether there is a tensor of this name here.
    public func has(_ name: String) -> Bool {
        source.contents?.shape(source.place(prefix + name).key) != nil
    }

    /// The shape of a tensor in the file; nil where there is none of this name, or where it is a part of another.
    func shape(_ name: String) -> [Int]? {
        let place = source.place(prefix + name)
        return place.isWhole ? source.contents?.shape(place.key) : nil
    }

    /// A tensor of the given shape, as f32.
    public func tensor(_ name: String, _ shape: [Int]) throws(Failure) -> Tensor {
        guard let contents = source.contents else { return Self.invented(name, shape).widened }
        let place = source.place(prefix + name)
        let found = place.isWhole ? contents.tensor(place.key) : contents.stored(place)?.widened
        return try checked(place.key, shape, found, \.shape)
    }

    /// A tensor of the given shape, in the type in which the file stores it.
    public func stored(_ name: String, _ shape: [Int]) throws(Failure) -> StoredTensor {
        guard let contents = source.contents else { return Self.invented(name, shape) }
        let place = source.place(prefix + name)
        return try checked(place.key, shape, contents.stored(place), \.shape)
    }

    /// Synthetic values: ones for norms, zeros for biases, else random with a variance of about 1/(fan-in).
    private static func invented(_ name: String, _ shape: [Int]) -> StoredTensor {
        if shape.count == 1 {
            return StoredTensor(Tensor(shape, repeating: name.hasSuffix("weight") ? 1 : 0))
        }
        return .synthetic(shape, bound: (3 / Float(shape.dropFirst().reduce(1, *))).squareRoot())
    }

    private func checked<T>(
        _ key: String, _ shape: [Int], _ found: T?, _ itsShape: KeyPath<T, [Int]>
    ) throws(Failure) -> T {
        guard let found else {
            throw Failure(
                .badModel, code: "model.key_missing", message: "\(source.path): there is no tensor `\(key)`",
                hint: "The file and its config.json do not belong together, or the download is incomplete.")
        }
        if !Self.isStray(key) { try source.contents?.checkType(key) }
        guard found[keyPath: itsShape] == shape else {
            throw Failure(
                .badModel, code: "model.shape",
                message:
                    "\(source.path): `\(key)` has the shape \(found[keyPath: itsShape]); config.json asks for \(shape)",
                hint: "The file and its config.json do not belong together.")
        }
        _ = source.read.withLock { $0.insert(key) }
        return found
    }

    /// The network's files; nil for synthetic weights.
    var files: TensorFiles? { source.contents }

    /// Keys of the file that the network has read.
    var keysRead: Set<String> { source.read.withLock { $0 } }

    /// Fails where a value that the network has read is NaN or infinite. It reads every byte.
    ///
    /// - Returns: a note on matrices that are all zero: an interrupted download can leave such parts.
    /// - Throws: `model.values` naming file and tensor.
    func checkValues() throws(Failure) -> [String] {
        guard let contents = source.contents else { return [] }
        var zeros: [String] = []
        for key in keysRead.sorted() {
            let isZero = try contents.checkFinite(key)
            if isZero, contents.shape(key)?.count ?? 0 > 1 { zeros.append(key) }
        }
        guard let first = zeros.first else { return [] }
        return [
            "\(source.path): all weights of `\(first)`\(zeros.count > 1 ? " and \(zeros.count - 1) more tensors" : "") are 0; was the file downloaded whole?"
        ]
    }

    /// Fails where nothing has read a key that is no known stray. The failure names such keys.
    public func finish() throws(Failure) {
        guard let contents = source.contents else { return }
        let read = keysRead
        let own = source.names?.prefix ?? ""
        let strays = source.names?.strays ?? []
        let unknown = contents.keys.filter { key in
            guard key.hasPrefix(own), !read.contains(key), !Self.isStray(key) else { return false }
            let name = key.dropFirst(own.count)
            return !strays.contains { name.hasPrefix($0) }
        }.sorted()
        guard let first = unknown.first else { return }
        let more = unknown.count > 1 ? " and \(unknown.count - 1) more" : ""
        throw Failure(
            .badModel, code: "model.key_unknown",
            message: "\(source.path): no network has a tensor `\(first)`\(more)",
            hint: "The file holds something else than its config.json says; use the file that belongs to it.")
    }

    /// Whether a key is a buffer or training state: published files have them, and no network needs them (docs/models.md).
    static func isStray(_ key: String) -> Bool {
        key.hasSuffix("position_ids") || key.hasPrefix("model_ema.") || key == "logit_scale"
            || key.hasPrefix("optimizer")
            || key.hasSuffix("num_batches_tracked")
    }
}

extension CheckpointNames.Place {
    /// Whether the place is all of a stored tensor, in its own shape.
    var isWhole: Bool { third == nil && !isPointwise }
}

extension TensorFiles {
    /// The tensor at a place.
    func stored(_ place: CheckpointNames.Place) -> StoredTensor? {
        guard let whole = stored(place.key) else { return nil }
        if let third = place.third, let all = whole.shape.first {
            let rows = all / 3
            return whole.rows(third * rows..<(third + 1) * rows)
        }
        let isPointwise = place.isPointwise && whole.shape.suffix(2) == [1, 1]
        return isPointwise ? whole.reshaped(whole.shape.dropLast(2)) : whole
    }
}

extension Weights {
    /// A convolution's weights under `name`.
    func convolution(
        _ name: String, in input: Int, out output: Int, kernel: Int = 3, stride: Int = 1,
        padding: ConvolutionParameters.Padding? = nil, bias: Bool = true
    ) throws(Failure) -> ConvolutionParameters {
        let w = self[name]
        return ConvolutionParameters(
            weight: try w.stored("weight", [output, input, kernel, kernel]),
            bias: bias ? try w.tensor("bias", [output]) : nil, stride: stride,
            padding: padding ?? .all(kernel / 2))
    }

    /// A linear layer's weights under `name`. The file may store them as a 1×1 convolution: channels-last, that is the same.
    func linear(
        _ name: String, in input: Int, out output: Int, bias: Bool = true
    ) throws(Failure) -> Linear {
        let w = self[name]
        let isPointwise = w.shape("weight")?.suffix(2) == [1, 1] && w.shape("weight")?.count == 4
        let shape = isPointwise ? [output, input, 1, 1] : [output, input]
        return Linear(
            weight: try w.stored("weight", shape).reshaped([output, input]),
            bias: bias ? try w.tensor("bias", [output]) : nil)
    }

    /// A group norm's weights under `name`.
    func groupNorm(
        _ name: String, channels: Int, groups: Int, epsilon: Float, silu: Bool
    ) throws(Failure) -> GroupNorm {
        try divides(groups, channels, "groups of the norm `\(prefix)\(name)`")
        let w = self[name]
        return GroupNorm(
            gamma: try w.tensor("weight", [channels]), beta: try w.tensor("bias", [channels]), groups: groups,
            epsilon: epsilon, silu: silu)
    }

    /// Fails where a configuration divides channels into unequal parts.
    func divides(_ parts: Int, _ channels: Int, _ what: String) throws(Failure) {
        guard parts > 0, channels % parts == 0 else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(file): \(channels) channels do not make \(parts) \(what)",
                hint: "The file and its config.json do not belong together.")
        }
    }

    /// A layer norm's weights under `name`.
    func layerNorm(_ name: String, channels: Int, epsilon: Float) throws(Failure) -> LayerNorm {
        let w = self[name]
        return LayerNorm(
            gamma: try w.tensor("weight", [channels]), beta: try w.tensor("bias", [channels]),
            epsilon: epsilon)
    }
}
