print("clipdragd")
