# What CMake's rules for macOS say that zig's linker does not know.
foreach(language C CXX)
  set(CMAKE_SHARED_MODULE_CREATE_${language}_FLAGS "-dynamiclib")  # zig makes no bundles
  set(CMAKE_${language}_OSX_DEPLOYMENT_TARGET_FLAG "")
endforeach()
