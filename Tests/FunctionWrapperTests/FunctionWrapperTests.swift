// FunctionWrapperTests
