import Digests

// These functions cut paths by scalars: Swift takes a slash with a combining mark after it for one character, which is no slash.

/// The folder of a path.
public func parent(_ path: String) -> String {
    guard let slash = path.unicodeScalars.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The last component of a path.
public func lastComponent(_ path: String) -> String {
    path.unicodeScalars.split(separator: "/").last.map { String($0) } ?? path
}

/// A file name without its last extension.
public func stem(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
}

/// The last extension of a file name, in lower case.
public func fileExtension(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "" }
    return name[name.index(after: dot)...].lowercased()
}

/// A file name of at most 255 bytes, file systems' limit: a name with a text before and after it. A name that is too long is cut,
/// and a digest of the whole name follows the cut.
public func fileName(_ before: String, _ name: String, _ after: String) -> String {
    let bytes = PathCoding.bytes(name)
    let room = 255 - before.utf8.count - after.utf8.count
    guard bytes.count > room else { return before + name + after }
    let digest = "~\(Digest.sha256(bytes).prefix(16))"
    let kept = bytes.prefix(max(0, room - digest.utf8.count))
    return PathCoding.text(Array(before.utf8) + kept + Array((digest + after).utf8))
}

/// The `n`th name of a stem, from 1: `cat.png`, `cat.2.png`, …
///
/// - Parameter ending: the extension with its dot.
public func numberedName(_ stem: String, _ n: Int, _ ending: String = "") -> String {
    n == 1 ? stem + ending : fileName("", stem, ".\(n)\(ending)")
}
