import { Engine } from './src/graph/engine.ts';
import { scenesOf, renderAll } from './src/pretrain/data.ts';
import { trainVae, tinyVae } from './src/pretrain/vae.ts';
let t=performance.now(); const pics=await renderAll(scenesOf(1,1000)); console.log('render',performance.now()-t);
for (const [w,b] of [[[32,48,64],16],[[16,32,64],16],[[24,48,64],16],[[32,64,64],16]] as const){
 const engine=new Engine(); t=performance.now();
 for await (const e of trainVae(engine,pics,{steps:14,seed:1,learningRate:1e-3,batchSize:b,config:{...tinyVae,block_out_channels:[...w]}})) { if(e.step===2) {t=performance.now();} if(e.step===14) console.log(w,b,(performance.now()-t)/12/b,'ms/sample',e); }
 await engine.close();
}
