import Digests

// Paths are cut by scalars: to Swift a slash and a combining mark that follows it are one character, and no slash.

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

/// A file name that is a name with something before and after it. Of a name that leaves no room for these in the 255 bytes that
/// file systems take, the beginning and a digest of the whole.
public func fileName(_ before: String, _ name: String, _ after: String) -> String {
    let bytes = PathCoding.bytes(name)
    let room = 255 - before.utf8.count - after.utf8.count
    guard bytes.count > room else { return before + name + after }
    let digest = "~\(Digest.sha256(bytes).prefix(16))"
    let kept = bytes.prefix(max(0, room - digest.utf8.count))
    return PathCoding.text(Array(before.utf8) + kept + Array((digest + after).utf8))
}

/// The name that the `n`th of that stem gets, from 1: `cat.png`, `cat.2.png`, …
///
/// - Parameter ending: with its dot.
public func numberedName(_ stem: String, _ n: Int, _ ending: String = "") -> String {
    n == 1 ? stem + ending : fileName("", stem, ".\(n)\(ending)")
}
