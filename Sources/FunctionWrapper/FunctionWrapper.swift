// FunctionWrapper
