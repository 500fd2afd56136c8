import Foundation
internal import CKernels

#if canImport(Glibc)
    import Glibc
#endif

/// A file of named tensors, memory-mapped (format: 8 bytes of header length, a JSON header, the data).
///
/// It uses F32 data in place. `tensor` widens F16 and BF16 to f32; `stored` keeps them.
public struct SafeTensors: Sendable {
    /// A file cannot be used.
    public struct Failure: Error, Sendable, Equatable {
        /// A sentence that names the file and, if one is at fault, the key.
        public let message: String
        /// The file's other format, if it has a known one; nil for a damaged file.
        public let other: ForeignFile?
    }

    /// Element types that a file may have. Weights are floating-point; buffers and counters are not.
    public enum DType: String, Sendable {
        case f32 = "F32"
        case f16 = "F16"
        case bf16 = "BF16"
        case i64 = "I64"
        case i32 = "I32"
        case u8 = "U8"
        case f64 = "F64"
        case i16 = "I16"
        case i8 = "I8"
        case bool = "BOOL"
        case u16 = "U16"
        case u32 = "U32"
        case u64 = "U64"

        var size: Int {
            switch self {
            case .f32, .i32, .u32: 4
            case .f16, .bf16, .i16, .u16: 2
            case .i64, .f64, .u64: 8
            case .u8, .i8, .bool: 1
            }
        }

        /// Whether its values can be weights.
        public var isFloatingPoint: Bool { [.f32, .f16, .bf16, .f64].contains(self) }
    }

    /// One tensor's entry in the header.
    public struct Entry: Sendable, Equatable {
        /// Element type.
        public let dtype: DType
        /// Sizes of its dimensions.
        public let shape: [Int]
        /// Where its bytes lie in the data part.
        let range: Range<Int>
    }

    /// The file.
    public let path: String
    /// Its tensors by name.
    public let entries: [String: Entry]
    /// The header's `__metadata__`.
    public let metadata: [String: String]
    private let map: MappedFile
    private let dataStart: Int

    /// Opens and checks a file.
    ///
    /// - Throws: when the file cannot be read, or any part of it does not follow the format.
    public init(path: String) throws(Failure) {
        func failure(_ text: String) -> Failure { Failure(message: "\(path): \(text)", other: nil) }
        guard let map = MappedFile(path: path) else {
            throw failure("cannot be read: \(String(cString: strerror(errno)))")
        }
        let bytes = UnsafeRawBufferPointer(start: map.base, count: map.count)
        if let other = ForeignFile(beginning: bytes) {
            throw Failure(message: "\(path) is \(other.what)", other: other)
        }
        guard map.count >= 8 else { throw failure("is too short for a safetensors file") }
        let length = (0..<8).reduce(UInt64(0)) {
            $0 | UInt64(map.base.load(fromByteOffset: $1, as: UInt8.self)) << (8 * $1)
        }
        guard length <= 100_000_000, Int(length) <= map.count - 8 else {
            throw failure("has a header that reaches beyond its end: it is truncated or no safetensors file")
        }
        let header = Data(bytes: map.base + 8, count: Int(length))
        guard let object = try? JSONSerialization.jsonObject(with: header) as? [String: Any] else {
            throw failure("has a header that is not JSON")
        }
        dataStart = 8 + Int(length)
        let available = map.count - dataStart
        var entries: [String: Entry] = [:]
        for (key, value) in object where key != "__metadata__" {
            guard let fields = value as? [String: Any], let name = fields["dtype"] as? String,
                let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int],
                offsets.count == 2
            else { throw failure("has a malformed entry `\(key)`") }
            guard let dtype = DType(rawValue: name) else {
                throw failure("stores `\(key)` as \(name); F32, F16 and BF16 are read")
            }
            var bytes = dtype.size
            for size in shape {
                let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
                guard size >= 0, !overflow else {
                    throw failure("gives `\(key)` the impossible shape \(shape)")
                }
                bytes = product
            }
            guard offsets[0] >= 0, offsets[1] >= offsets[0], offsets[1] - offsets[0] == bytes else {
                throw failure("gives `\(key)` \(shape) of \(name) another number of bytes than that takes")
            }
            guard offsets[1] <= available else {
                throw failure("ends before the data of `\(key)`: it is truncated")
            }
            entries[key] = Entry(dtype: dtype, shape: shape, range: offsets[0]..<offsets[1])
        }
        var end = 0
        for (key, entry) in entries.sorted(by: { $0.value.range.lowerBound < $1.value.range.lowerBound })
        where !entry.range.isEmpty {
            guard entry.range.lowerBound >= end else { throw failure("has overlapping data at `\(key)`") }
            end = entry.range.upperBound
        }
        self.path = path
        self.map = map
        self.entries = entries
        guard let pairs = object["__metadata__", default: [String: Any]()] as? [String: Any] else {
            throw failure("has a `__metadata__` that is no object")
        }
        metadata = pairs.mapValues(Self.text)
    }

    /// A value of the metadata as text. The format allows strings alone; some writers put numbers, flags or objects.
    private static func text(_ value: Any) -> String {
        if let text = value as? String { return text }
        if value is NSNull { return "" }
        let data = try? JSONSerialization.data(
            withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys])
        return data.map { String(decoding: $0, as: UTF8.self) } ?? "\(value)"
    }

    /// The bytes of an entry, where they lie in the file.
    func withBytes<R>(_ entry: Entry, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        defer { withExtendedLifetime(map) {} }
        return body(
            UnsafeRawBufferPointer(
                start: map.base + dataStart + entry.range.lowerBound, count: entry.range.count))
    }

    /// A tensor by name, as f32; nil when there is none. Integers are converted.
    public func tensor(_ key: String) -> Tensor? {
        guard let entry = entries[key] else { return nil }
        let start = map.base + dataStart + entry.range.lowerBound
        let count = entry.shape.reduce(1, *)
        if entry.dtype == .f32, UInt(bitPattern: start) % 4 == 0 {
            let floats = start.assumingMemoryBound(to: Float.self)
            return Tensor(
                shape: entry.shape, storage: TensorStorage(borrowing: floats, count: count, owner: map))
        }
        return Tensor(entry.shape) { to in
            // Offsets need not be aligned: widen from a copy.
            let bytes = [UInt8](UnsafeRawBufferPointer(start: start, count: entry.range.count))
            bytes.withUnsafeBytes { raw in
                switch entry.dtype {
                case .f32: Self.convert(raw, to) { (x: Float) in x }
                case .f16: ck_widen_f16(raw.bindMemory(to: UInt16.self).baseAddress, to.baseAddress, count)
                case .bf16: ck_widen_bf16(raw.bindMemory(to: UInt16.self).baseAddress, to.baseAddress, count)
                case .f64: Self.convert(raw, to) { (x: Double) in Float(x) }
                case .i64: Self.convert(raw, to) { (n: Int64) in Float(n) }
                case .i32: Self.convert(raw, to) { (n: Int32) in Float(n) }
                case .i16: Self.convert(raw, to) { (n: Int16) in Float(n) }
                case .u64: Self.convert(raw, to) { (n: UInt64) in Float(n) }
                case .u32: Self.convert(raw, to) { (n: UInt32) in Float(n) }
                case .u16: Self.convert(raw, to) { (n: UInt16) in Float(n) }
                case .i8: Self.convert(raw, to) { (n: Int8) in Float(n) }
                case .u8, .bool: Self.convert(raw, to) { (n: UInt8) in Float(n) }
                }
            }
            withExtendedLifetime(map) {}
        }
    }

    private static func convert<Value: BitwiseCopyable>(
        _ raw: UnsafeRawBufferPointer, _ to: UnsafeMutableBufferPointer<Float>, _ float: (Value) -> Float
    ) {
        let size = MemoryLayout<Value>.size
        for i in to.indices { to[i] = float(raw.loadUnaligned(fromByteOffset: size * i, as: Value.self)) }
    }

    /// A tensor by name in the type in which the file stores it, in place where its bytes are aligned; nil when there is none.
    /// Integers are converted to f32.
    public func stored(_ key: String) -> StoredTensor? {
        guard let entry = entries[key] else { return nil }
        let start = map.base + dataStart + entry.range.lowerBound
        let element: StoredTensor.Element? =
            switch entry.dtype {
            case .f32: .f32
            case .f16: .f16
            case .bf16: .bf16
            default: nil
            }
        if let element, UInt(bitPattern: start) % UInt(element.size) == 0 {
            return StoredTensor(shape: entry.shape, element: element, base: start, owner: map)
        }
        return tensor(key).map { StoredTensor($0) }
    }

    /// The bytes of a safetensors file of f32 tensors, in the layout of the safetensors library: sorted by name within a type,
    /// with a compact header that spaces pad to 8 bytes.
    public static func encoded(
        _ tensors: [String: Tensor], metadata: [String: String] = [:], asInteger: Set<String> = [],
        asByte: Set<String> = []
    ) -> [UInt8] {
        func dtype(_ key: String) -> DType {
            asInteger.contains(key) ? .i32 : asByte.contains(key) ? .u8 : .f32
        }
        func rank(_ key: String) -> Int { [.f32, .i32, .u8].firstIndex(of: dtype(key)) ?? 0 }
        let keys = tensors.keys.sorted { (rank($0), $0) < (rank($1), $1) }
        var fields: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
            fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var data: [UInt8] = []
        for key in keys {
            guard let tensor = tensors[key] else { continue }
            let start = data.count
            tensor.withUnsafeValues { values in
                switch dtype(key) {
                case .i32: for v in values { withUnsafeBytes(of: Int32(v)) { data.append(contentsOf: $0) } }
                case .u8: data.append(contentsOf: values.map { UInt8($0) })
                default: data.append(contentsOf: UnsafeRawBufferPointer(values))
                }
            }
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            fields.append(
                "\(quoted(key)):{\"dtype\":\"\(dtype(key).rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(start),\(data.count)]}"
            )
        }
        var header = Array("{\(fields.joined(separator: ","))}".utf8)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        return length + header + data
    }

    private static func quoted(_ text: String) -> String {
        let escaped = text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(
            of: "\"", with: "\\\"")
        return "\"\(escaped)\""
    }
}

/// A file that is mapped read-only for as long as the object lives.
///
/// Safety: nobody writes to the mapping, and it lives as long as the object.
final class MappedFile: @unchecked Sendable {
    let base: UnsafeRawPointer
    let count: Int

    init?(path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        count = Int(status.st_size)
        if count == 0 {
            base = UnsafeRawPointer(UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8))
            return
        }
        guard let mapped = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED
        else {
            return nil
        }
        base = UnsafeRawPointer(mapped)
        WeightPages.add(base, count: count)
    }

    deinit {
        if count == 0 {
            base.deallocate()
        } else {
            WeightPages.remove(base)
            munmap(UnsafeMutableRawPointer(mutating: base), count)
        }
    }
}
