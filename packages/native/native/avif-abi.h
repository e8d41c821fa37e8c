// What is used of libavif 1.4.2, as its include/avif/avif.h declares it (Copyright 2019 Joe Drago, BSD-2-Clause):
// Pillow's wheel has the library without its headers. The wheel is pinned by its digest (scripts/setup/native.mjs), so
// the layout cannot change unseen; fields behind the last one that is used are left out, since libavif allocates these
// itself.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

typedef int avifBool;
typedef int avifResult;  // 0 is success

struct avifRWData {
  uint8_t* data;
  size_t size;
};

enum avifPixelFormat { AVIF_PIXEL_FORMAT_YUV400 = 4 };
enum avifTransformFlag { AVIF_TRANSFORM_IROT = 1 << 2, AVIF_TRANSFORM_IMIR = 1 << 3 };
enum avifStrictFlag { AVIF_STRICT_PIXI_REQUIRED = 1 << 0, AVIF_STRICT_CLAP_VALID = 1 << 1 };
enum avifRGBFormat { AVIF_RGB_FORMAT_RGB = 0, AVIF_RGB_FORMAT_RGBA = 1, AVIF_RGB_FORMAT_GRAY = 7 };

struct avifImage {
  uint32_t width, height, depth;
  int yuvFormat, yuvRange, yuvChromaSamplePosition;
  uint8_t* yuvPlanes[3];
  uint32_t yuvRowBytes[3];
  avifBool imageOwnsYUVPlanes;
  uint8_t* alphaPlane;
  uint32_t alphaRowBytes;
  avifBool imageOwnsAlphaPlane, alphaPremultiplied;
  avifRWData icc;
  uint16_t colorPrimaries, transferCharacteristics, matrixCoefficients;
  struct {
    uint16_t maxCLL, maxPALL;
  } clli;
  uint32_t transformFlags;
  struct {
    uint32_t hSpacing, vSpacing;
  } pasp;
  struct {
    uint32_t widthN, widthD, heightN, heightD, horizOffN, horizOffD, vertOffN, vertOffD;
  } clap;
  struct {
    uint8_t angle;
  } irot;
  struct {
    uint8_t axis;
  } imir;
  avifRWData exif, xmp;
};

struct avifRGBImage {
  uint32_t width, height, depth;
  int format, chromaUpsampling, chromaDownsampling;
  avifBool avoidLibYUV, ignoreAlpha, alphaPremultiplied, isFloat;
  int maxThreads;
  uint8_t* pixels;
  uint32_t rowBytes;
};

struct avifDecoder {
  int codecChoice, maxThreads, requestedSource;
  avifBool allowProgressive, allowIncremental, ignoreExif, ignoreXMP;
  uint32_t imageSizeLimit, imageDimensionLimit, imageCountLimit;
  uint32_t strictFlags;
  avifImage* image;
};

const char* avifResultToString(avifResult result);
avifDecoder* avifDecoderCreate(void);
void avifDecoderDestroy(avifDecoder* decoder);
avifResult avifDecoderSetIOMemory(avifDecoder* decoder, const uint8_t* data, size_t size);
avifResult avifDecoderParse(avifDecoder* decoder);
avifResult avifDecoderNextImage(avifDecoder* decoder);
void avifRGBImageSetDefaults(avifRGBImage* rgb, const avifImage* image);
avifResult avifImageYUVToRGB(const avifImage* image, avifRGBImage* rgb);

}  // extern "C"
