// Losses end a computation: each gives its value and its gradient at once.

/// `x·y / (max(‖x‖, 1e-8)·max(‖y‖, 1e-8))` over all values, and its gradients to both.
public func cosineSimilarity(_ x: Tensor, _ y: Tensor) -> (value: Double, dx: Tensor, dy: Tensor) {
    let (nx, ny) = (max(x.norm, 1e-8), max(y.norm, 1e-8))
    let c = x.dot(y) / (nx * ny)
    // d/dx = y/(|x||y|) − c·x/|x|²
    let dx = Tensor.combination(Float(1 / (nx * ny)), y, Float(-c / (nx * nx)), x)
    let dy = Tensor.combination(Float(1 / (nx * ny)), x, Float(-c / (ny * ny)), y)
    return (c, dx, dy)
}

/// The mean of (x − y)², and its gradient to x.
public func meanSquaredError(_ x: Tensor, _ y: Tensor) -> (value: Double, dx: Tensor) {
    let difference = x - y
    return (difference.dot(difference) / Double(x.count), (2 / Float(x.count)) * difference)
}
