import DurableFiles

/// The way from one folder to a file as a URL without a scheme: a page on a disk or a server follows it.
///
/// - Parameters:
///   - path: absolute.
///   - folder: absolute.
func relativeURL(of path: String, from folder: String) -> String {
    func parts(_ path: String) -> [[UInt8]] {
        PathCoding.bytes(path).split(separator: UInt8(ascii: "/")).map(Array.init)
    }
    let (target, start) = (parts(path), parts(folder))
    var shared = 0
    while shared < min(target.count, start.count), target[shared] == start[shared] { shared += 1 }
    let up = Array(repeating: "..", count: start.count - shared)
    let down = target[shared...].map(percentEncoded)
    // A first part with a colon would read as a scheme.
    return (up.isEmpty ? ["."] : up).joined(separator: "/") + "/" + down.joined(separator: "/")
}

/// The bytes of a name with all but RFC 3986's unreserved characters encoded.
private func percentEncoded(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
        let scalar = Unicode.Scalar(byte)
        let isPlain =
            scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            || "-._~".unicodeScalars.contains(scalar)
        guard !isPlain else { return String(scalar) }
        return (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
    }.joined()
}
